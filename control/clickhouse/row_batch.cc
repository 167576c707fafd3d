#include "control/clickhouse/row_batch.h"

#include "control/clickhouse/session_row.h"

namespace weir::control::clickhouse {

RowBatch::RowBatch()
    : tables_{{{"sessions", SessionInsertColumns(), {}, {}},
               {"logins", LoginInsertColumns(), {}, {}},
               {"findings", FindingInsertColumns(), {}, {}},
               {"health", HealthInsertColumns(), {}, {}}}} {}

// Where a row of that time goes.
std::string& RowBatch::RowsOf(Place place, base::WallTime time) {
  rows_++;
  Table& table = tables_[place];
  const audit::DayNumber day = DateOf(time);
  const bool is_full = table.days.size() == kInsertDaysMax && !table.days.contains(day);
  if (table.inserts.empty() || is_full) {
    table.inserts.emplace_back();
    table.days.clear();
  }
  table.days.insert(day);
  return table.inserts.back();
}

audit::RecordVisitors RowBatch::Visitors() {
  return {[this](const audit::SessionRecord& record) {
            PutSessionRow(RowsOf(kSessions, record.event.start), record);
            return true;
          },
          [this](const audit::SequencedLogin& login) {
            PutLoginRow(RowsOf(kLogins, login.login.login_time), login);
            return true;
          },
          [this](const audit::SequencedFinding& finding) {
            PutFindingRow(RowsOf(kFindings, finding.event.time), finding);
            return true;
          },
          [this](const audit::SequencedHealth& news) {
            PutHealthRow(RowsOf(kHealth, news.event.time), news);
            return true;
          }};
}

}  // namespace weir::control::clickhouse
