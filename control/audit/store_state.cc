#include "control/audit/store_state.h"

#include <fmt/format.h>

#include <algorithm>
#include <memory>

#include "control/audit/bytes.h"
#include "control/audit/open_sessions.h"

namespace weir::control::audit {
namespace {

constexpr std::string_view kFormatKey = "format";
constexpr std::string_view kFormat = "weir session store 1";
constexpr std::string_view kTotalsKey = "totals";
constexpr std::string_view kPositionKey = "position";
constexpr std::string_view kLoginPositionKey = "login_position";
constexpr std::string_view kBootKey = "boot";
constexpr std::string_view kSealedUntilKey = "sealed_until";
constexpr std::string_view kSealKey = "seal";
constexpr std::string_view kDayPrefix = "day/";
constexpr std::string_view kSensorPrefix = "sensor/";

rocksdb::Slice Slice(std::string_view text) { return {text.data(), text.size()}; }

std::string DayKey(DayNumber number) { return std::string(kDayPrefix) + DayName(number); }

base::Error Unreadable(std::string_view what) {
  return base::Error{fmt::format("session store: {} is damaged", what)};
}

// Empty optional: there is no such key.
base::Status ReadMeta(const RocksDb& db, std::string_view key, std::optional<std::string>& value) {
  std::string found;
  const auto status = db.db()->Get({}, db.meta(), Slice(key), &found);
  if (status.IsNotFound()) return {};
  if (!status.ok()) return base::Error{"session store: " + status.ToString()};
  value = std::move(found);
  return {};
}

std::string EncodeTotals(const StoreState& state) {
  std::string bytes;
  for (const uint64_t value :
       {state.open_sessions, state.logins, state.findings, state.health, state.finding_seq,
        state.health_seq, state.days_dropped, state.records_dropped, state.login_seq}) {
    PutVarint(bytes, value);
  }
  return bytes;
}

bool DecodeTotals(std::string_view bytes, StoreState& state) {
  base::Cursor in(AsBytes(bytes));
  for (uint64_t* value :
       {&state.open_sessions, &state.logins, &state.findings, &state.health, &state.finding_seq,
        &state.health_seq, &state.days_dropped, &state.records_dropped}) {
    *value = GetVarint(in);
  }
  // An older store has none.
  state.login_seq = in.ok() && in.empty() ? state.health_seq : GetVarint(in);
  return in.ok() && in.empty();
}

base::Status CheckFormat(const RocksDb& db) {
  std::optional<std::string> format;
  if (auto read = ReadMeta(db, kFormatKey, format); !read.ok()) return read;
  if (!format) {
    rocksdb::WriteOptions options;
    options.sync = true;
    const auto status = db.db()->Put(options, db.meta(), Slice(kFormatKey), Slice(kFormat));
    if (!status.ok()) return base::Error{"session store: " + status.ToString()};
    return {};
  }
  if (*format == kFormat) return {};
  return base::Error{
      fmt::format("session store: its format is '{}', this version reads '{}'", *format, kFormat)};
}

base::Status LoadTotals(const RocksDb& db, StoreState& state) {
  std::optional<std::string> totals;
  std::optional<std::string> position;
  std::optional<std::string> boot;
  if (auto read = ReadMeta(db, kTotalsKey, totals); !read.ok()) return read;
  if (auto read = ReadMeta(db, kPositionKey, position); !read.ok()) return read;
  if (auto read = ReadMeta(db, kBootKey, boot); !read.ok()) return read;
  std::optional<std::string> login_position;
  if (auto read = ReadMeta(db, kLoginPositionKey, login_position); !read.ok()) return read;
  state.login_position = login_position.value_or("");
  if (totals && !DecodeTotals(*totals, state)) return Unreadable("its record of totals");
  if (!totals) RaiseNumbers(state, base::WallNow());
  state.position = position.value_or("");
  if (boot) {
    base::Cursor in(AsBytes(*boot));
    state.boot_id = in.U64();
    if (!in.ok()) return Unreadable("its record of the last start");
  }
  return {};
}

base::Status LoadSealState(const RocksDb& db, SealState& state) {
  std::optional<std::string> until;
  std::optional<std::string> seal;
  if (auto read = ReadMeta(db, kSealedUntilKey, until); !read.ok()) return read;
  if (auto read = ReadMeta(db, kSealKey, seal); !read.ok()) return read;
  if (until) {
    base::Cursor in(AsBytes(*until));
    state.until = base::WallTime{TimeFromSortable(in.U64())};
    if (!in.ok()) return Unreadable("how far it is sealed");
  }
  if (seal) {
    base::Cursor in(AsBytes(*seal));
    state.head.number = GetVarint(in);
    state.head.digest = GetString(in);
    state.head.text = GetString(in);
    if (!in.ok()) return Unreadable("its record of the last seal");
  }
  return {};
}

base::Status LoadDays(const RocksDb& db, StoreState& state) {
  const std::unique_ptr<rocksdb::Iterator> at(db.db()->NewIterator({}, db.meta()));
  for (at->Seek(Slice(kDayPrefix)); at->Valid() && at->key().starts_with(Slice(kDayPrefix));
       at->Next()) {
    const auto number = ParseDayName(at->key().ToStringView().substr(kDayPrefix.size()));
    base::Cursor in(AsBytes(at->value().ToStringView()));
    DayState day;
    day.records = GetVarint(in);
    day.longest_ns = GetSigned(in);
    if (in.ok() && !in.empty()) day.records_packed = GetVarint(in);
    if (!number || !in.ok()) return Unreadable("its record of " + at->key().ToString());
    state.days[*number] = day;
  }
  if (!at->status().ok()) return base::Error{"session store: " + at->status().ToString()};
  return {};
}

base::Status FinishDrops(const RocksDb& db, StoreState& state) {
  rocksdb::WriteBatch batch;
  for (auto day = state.days.begin(); day != state.days.end();) {
    if (db.FindDay(day->first)) {
      ++day;
      continue;
    }
    const auto open = ForgetOpenSessions(batch, db, day->first);
    if (!open.ok()) return open.error();
    state.open_sessions -= std::min(state.open_sessions, *open);
    state.days_dropped++;
    state.records_dropped += day->second.records;
    DeleteDayState(batch, db, day->first);
    day = state.days.erase(day);
  }
  if (batch.Count() == 0) return {};
  PutTotals(batch, db, state);
  rocksdb::WriteOptions options;
  options.sync = true;
  const auto status = db.db()->Write(options, &batch);
  if (!status.ok()) return base::Error{"session store: " + status.ToString()};
  return {};
}

// A batch takes every write, save when it would grow beyond 4 GiB, which none here does.
void Put(rocksdb::WriteBatch& batch, const RocksDb& db, std::string_view key,
         std::string_view value) {
  static_cast<void>(batch.Put(db.meta(), Slice(key), Slice(value)));
}

}  // namespace

// A consumer keeps its number longer than a store may live. A new store's numbers begin above those
// of every store before it, as long as none wrote a million events for each second of its life.
void RaiseNumbers(StoreState& state, base::WallTime restored) {
  constexpr uint64_t kNumbersPerSecond = 1 << 20;
  const auto seconds =
      static_cast<uint64_t>(std::max<int64_t>(restored.ns, 0) / base::kNsPerSecond);
  for (uint64_t* seq : {&state.finding_seq, &state.health_seq, &state.login_seq}) {
    *seq = std::max(*seq, seconds * kNumbersPerSecond);
  }
}

base::Result<StoreState> LoadState(const RocksDb& db) {
  StoreState state;
  if (auto checked = CheckFormat(db); !checked.ok()) return checked.error();
  if (auto loaded = LoadTotals(db, state); !loaded.ok()) return loaded.error();
  if (auto loaded = LoadSealState(db, state.sealed); !loaded.ok()) return loaded.error();
  if (auto loaded = LoadDays(db, state); !loaded.ok()) return loaded.error();
  if (auto finished = FinishDrops(db, state); !finished.ok()) return finished.error();
  return state;
}

void PutDayState(rocksdb::WriteBatch& batch, const RocksDb& db, DayNumber number,
                 const DayState& state) {
  std::string bytes;
  PutVarint(bytes, state.records);
  PutSigned(bytes, state.longest_ns);
  if (state.records_packed > 0) PutVarint(bytes, state.records_packed);
  Put(batch, db, DayKey(number), bytes);
}

void DeleteDayState(rocksdb::WriteBatch& batch, const RocksDb& db, DayNumber number) {
  static_cast<void>(batch.Delete(db.meta(), Slice(DayKey(number))));
}

void PutTotals(rocksdb::WriteBatch& batch, const RocksDb& db, const StoreState& state) {
  Put(batch, db, kTotalsKey, EncodeTotals(state));
  if (!state.position.empty()) Put(batch, db, kPositionKey, state.position);
  if (!state.login_position.empty()) Put(batch, db, kLoginPositionKey, state.login_position);
  if (!state.boot_id) return;
  std::string boot;
  PutBe(boot, *state.boot_id);
  Put(batch, db, kBootKey, boot);
}

void PutSealState(rocksdb::WriteBatch& batch, const RocksDb& db, const SealState& state) {
  if (state.until) {
    std::string until;
    PutBe(until, SortableTime(state.until->ns));
    Put(batch, db, kSealedUntilKey, until);
  }
  std::string seal;
  PutVarint(seal, state.head.number);
  PutString(seal, state.head.digest);
  PutString(seal, state.head.text);
  Put(batch, db, kSealKey, seal);
}

DayBytes MeasureDays(const RocksDb& db, const StoreState& state) {
  constexpr uint64_t kDaysMax = 7;
  DayBytes measured;
  if (state.days.empty()) return measured;
  const DayNumber first = state.days.begin()->first;
  for (auto day = state.days.rbegin(); day->first != first && measured.days < kDaysMax; ++day) {
    const auto families = db.FindDay(day->first);
    if (day->second.records_packed == 0 || !families) continue;
    measured.days++;
    measured.bytes += db.TableBytes(*families);
  }
  return measured;
}

base::Result<Sensors> LoadSensors(const RocksDb& db, const std::string& sensor, uint32_t& index) {
  Sensors sensors;
  const std::unique_ptr<rocksdb::Iterator> at(db.db()->NewIterator({}, db.meta()));
  for (at->Seek(Slice(kSensorPrefix)); at->Valid() && at->key().starts_with(Slice(kSensorPrefix));
       at->Next()) {
    sensors.push_back(at->value().ToString());
  }
  if (!at->status().ok()) return base::Error{"session store: " + at->status().ToString()};
  const auto found = std::find(sensors.begin(), sensors.end(), sensor);
  index = static_cast<uint32_t>(found - sensors.begin());
  if (found != sensors.end()) return sensors;

  const std::string key = fmt::format("{}{:05}", kSensorPrefix, index);
  rocksdb::WriteOptions options;
  options.sync = true;
  const auto status = db.db()->Put(options, db.meta(), Slice(key), Slice(sensor));
  if (!status.ok()) return base::Error{"session store: " + status.ToString()};
  sensors.push_back(sensor);
  return sensors;
}

}  // namespace weir::control::audit
