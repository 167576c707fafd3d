#include "control/clickhouse/backfill.h"

#include <limits>

#include "control/audit/bytes.h"

namespace weir::control::clickhouse {
namespace {

constexpr std::string_view kKey = "archive/backfill";

std::optional<Backfill> Decode(std::string_view bytes) {
  base::Cursor in(audit::AsBytes(bytes));
  Backfill backfill;
  const uint8_t state = in.U8();
  backfill.rows_done = audit::GetVarint(in);
  backfill.rows_total = audit::GetVarint(in);
  const auto place = audit::DecodePlace(audit::GetString(in));
  if (!in.ok() || !in.empty() || !place) return std::nullopt;
  if (state > static_cast<uint8_t>(BackfillState::kDone)) return std::nullopt;
  backfill.state = static_cast<BackfillState>(state);
  backfill.after = *place;
  return backfill;
}

}  // namespace

std::string_view BackfillStateName(BackfillState state) {
  switch (state) {
    case BackfillState::kNeeded:
      return "needed";
    case BackfillState::kRunning:
      return "running";
    case BackfillState::kDone:
      return "done";
  }
  return "";
}

audit::RecordPlace FirstPlace() {
  return {audit::RecordClass::kSession, std::numeric_limits<audit::DayNumber>::min(), ""};
}

uint64_t RecordsOf(const audit::StoreState& state) {
  uint64_t records = state.findings + state.health + state.logins;
  for (const auto& [number, day] : state.days) records += day.records;
  return records;
}

base::Result<Backfill> LoadBackfill(audit::RocksSpool& spool) {
  const auto meta = spool.Meta(kKey);
  if (!meta.ok()) return meta.error();
  Backfill backfill;
  backfill.after = FirstPlace();
  if (meta->contains(std::string(kKey))) {
    const auto known = Decode(meta->begin()->second);
    if (known) return *known;
    return base::Error{"session store: its record of the migration is damaged"};
  }
  backfill.rows_total = RecordsOf(spool.state());
  if (backfill.rows_total == 0) backfill.state = BackfillState::kDone;
  if (auto saved = SaveBackfill(spool, backfill); !saved.ok()) return saved.error();
  return backfill;
}

base::Status SaveBackfill(audit::RocksSpool& spool, const Backfill& backfill) {
  std::string bytes(1, static_cast<char>(backfill.state));
  audit::PutVarint(bytes, backfill.rows_done);
  audit::PutVarint(bytes, backfill.rows_total);
  audit::PutString(bytes, audit::EncodePlace(backfill.after));
  return spool.PutMeta(kKey, bytes);
}

base::Status ForgetBackfill(audit::RocksSpool& spool) { return spool.DeleteMeta(kKey); }

}  // namespace weir::control::clickhouse
