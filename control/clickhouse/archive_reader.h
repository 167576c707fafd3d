// Answers queries for sessions of archived days, in the same order as the embedded store.
//
// A query is asked in windows of time, wider where little is found, so that neither end sorts much
// at once, each begins to answer soon, and a reader who stops early has cost little. One reader
// serves one query on one thread.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "control/audit/query.h"
#include "control/audit/session_reader.h"
#include "control/audit/session_store.h"
#include "control/clickhouse/archive_book.h"
#include "control/clickhouse/http_connection.h"
#include "dataplane/base/result.h"

namespace weir::control::clickhouse {

// A stretch of time in which sessions of one day have begun, [from_ns, to_ns).
struct DaySpan {
  audit::DayNumber day = 0;
  int64_t from_ns = 0;
  int64_t to_ns = 0;
  bool single = false;  // as in ArchivedDay
  uint64_t records = 0;
};

// Where sessions that the query asks for can have begun. Fails on a query that nobody can answer.
base::Result<std::vector<DaySpan>> SpansOf(
    const std::vector<std::pair<audit::DayNumber, ArchivedDay>>& days, const audit::Query& query);

class ArchiveReader {
 public:
  ArchiveReader(HttpConnection& server, const audit::Query& query,
                const audit::SessionVisitor& visit);

  // `spans` in order, and none of another store's day between them.
  base::Result<audit::QueryResult> Read(const std::vector<DaySpan>& spans);

  // Rows that were older versions of the row before them.
  uint64_t doubles() const { return doubles_; }

 private:
  struct Window {
    int64_t from_ns = 0;
    int64_t to_ns = 0;
    bool single = true;
  };

  int64_t MinutesAtFirst(const std::vector<DaySpan>& spans) const;
  uint64_t RowsMax() const;
  int64_t WidthNs(uint64_t records) const;
  Window NextWindow(const std::vector<DaySpan>& spans) const;
  void GoOn(const std::vector<DaySpan>& spans, const Window& window);
  base::Result<uint64_t> ReadWindow(const Window& window);
  std::string Statement(const Window& window, uint64_t rows_max) const;
  bool TakeRow(const audit::SessionRecord& record);
  void Adapt(const Window& window, uint64_t rows);

  HttpConnection& server_;
  const audit::Query& query_;
  const audit::SessionVisitor& visit_;
  const audit::SessionFilter filter_;
  const std::string conditions_;
  const bool narrow_;
  std::optional<audit::SessionOrder> cursor_;
  audit::QueryResult result_;
  bool stopped_ = false;
  uint64_t doubles_ = 0;
  std::optional<audit::SessionOrder> last_;  // row
  int64_t minutes_ = 60;                     // of the next window, at most

  // Of the spans: those at and behind `next_`, from `position_` on, are still to be read. Newest
  // first, both count from the end.
  size_t next_ = 0;
  std::optional<int64_t> position_;
};

}  // namespace weir::control::clickhouse
