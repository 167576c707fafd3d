#include "control/audit/rocks_spool.h"

#include <algorithm>
#include <memory>

#include "control/audit/bytes.h"
#include "control/audit/late_records.h"
#include "control/audit/open_sessions.h"
#include "control/audit/record_codec.h"

namespace weir::control::audit {
namespace {

const base::Error kNotOpen{"the session store could not be opened again after a failure"};
const base::Error kDamagedPlace{"the session store's outbox is damaged"};

rocksdb::Slice Slice(std::string_view text) { return {text.data(), text.size()}; }

base::Error Unreadable(const rocksdb::Status& status) {
  return base::Error{"session store: cannot read: " + status.ToString()};
}

base::Error Unwritable(const rocksdb::Status& status) {
  return base::Error{"session store: cannot write: " + status.ToString()};
}

}  // namespace

base::Result<RocksSpool::Chunk> RocksSpool::ReadOutbox(size_t entries_max) const {
  const std::shared_lock shared(parts_.gate);
  if (!is_open()) return kNotOpen;
  Chunk chunk;
  const std::unique_ptr<rocksdb::Iterator> at(parts_.db.db()->NewIterator({}, parts_.db.outbox()));
  at->Seek(Outbox::Key(parts_.writer.outbox().first()));
  for (; at->Valid() && chunk.entries < entries_max; at->Next()) {
    auto place = DecodePlace(at->value().ToStringView());
    base::Cursor in(AsBytes(at->key().ToStringView()));
    chunk.through = in.U64();
    if (!place || !in.ok()) return kDamagedPlace;
    chunk.places.push_back(std::move(*place));
    chunk.entries++;
  }
  if (!at->status().ok()) return Unreadable(at->status());
  std::sort(chunk.places.begin(), chunk.places.end());
  chunk.places.erase(std::unique(chunk.places.begin(), chunk.places.end()), chunk.places.end());
  return chunk;
}

base::Status RocksSpool::Trim(uint64_t through) {
  const std::shared_lock shared(parts_.gate);
  if (!is_open()) return kNotOpen;
  Outbox& outbox = parts_.writer.outbox();
  rocksdb::WriteBatch batch;
  for (uint64_t number = outbox.first(); number <= through; number++) {
    static_cast<void>(batch.Delete(parts_.db.outbox(), Outbox::Key(number)));
  }
  // Entries that come back would be shipped again and change nothing. But no write is left to the
  // kernel: should a sync fail that RocksDB makes by itself, a hole in a log that is done would
  // cost what was confirmed behind it (RocksDb).
  rocksdb::WriteOptions options;
  options.sync = true;
  const auto status = parts_.db.db()->Write(options, &batch);
  if (!status.ok()) return Unwritable(status);
  outbox.Trimmed(through);
  return {};
}

uint64_t RocksSpool::outbox_rows() const { return parts_.writer.outbox().rows(); }

uint64_t RocksSpool::OutboxBytes() const {
  const std::shared_lock shared(parts_.gate);
  uint64_t bytes = 0;
  if (!is_open()) return bytes;
  for (const char* property :
       {"rocksdb.cur-size-all-mem-tables", "rocksdb.estimate-live-data-size"}) {
    uint64_t value = 0;
    if (parts_.db.db()->GetIntProperty(parts_.db.outbox(), property, &value)) bytes += value;
  }
  return bytes;
}

bool RocksSpool::Waits(DayNumber day) const { return parts_.writer.outbox().HasDay(day); }

uint64_t RocksSpool::Changes(DayNumber day) const { return parts_.writer.outbox().Changes(day); }

// Null: the day is not there. `day` keeps the family alive.
rocksdb::ColumnFamilyHandle* RocksSpool::FamilyOf(const RecordPlace& place,
                                                  RocksDb::DayPointer& day) const {
  switch (place.record_class) {
    case RecordClass::kLogin:
      return parts_.db.logins();
    case RecordClass::kFinding:
      return parts_.db.findings();
    case RecordClass::kHealth:
      return parts_.db.health();
    case RecordClass::kSession:
      break;
  }
  if (!day || day->number != place.day) day = parts_.db.FindDay(place.day);
  return day ? day->sessions->handle() : nullptr;
}

base::Status RocksSpool::Read(std::span<const RecordPlace> places,
                              const RecordVisitors& visitors) const {
  const std::shared_lock shared(parts_.gate);
  if (!is_open()) return kNotOpen;
  const Sensors sensors = parts_.writer.sensors();
  RocksDb::DayPointer day;
  rocksdb::PinnableSlice value;
  for (const RecordPlace& place : places) {
    auto* family = FamilyOf(place, day);
    if (family == nullptr) continue;
    value.Reset();
    const auto status = parts_.db.db()->Get({}, family, Slice(place.key), &value);
    if (status.IsNotFound()) continue;
    if (!status.ok()) return Unreadable(status);
    if (auto read = ReadOne(place, value.ToStringView(), sensors, visitors); !read.ok()) {
      return read;
    }
  }
  return {};
}

base::Status RocksSpool::ReadOne(const RecordPlace& place, std::string_view value,
                                 const Sensors& sensors, const RecordVisitors& visitors) const {
  const auto hand_out = [](const auto& record, const auto& visit) -> base::Status {
    if (!record.ok()) return record.error();
    static_cast<void>(visit(*record));
    return {};
  };
  const auto number = [&] { return base::Cursor(AsBytes(place.key)).U64(); };
  switch (place.record_class) {
    case RecordClass::kSession: {
      const auto key = DecodeRecordKey(place.day, place.key);
      if (!key) return kDamagedPlace;
      return hand_out(DecodeSession(*key, value, sensors), visitors.session);
    }
    case RecordClass::kLogin: {
      const auto login = DecodeLogin(value);
      if (!login.ok()) return login.error();
      static_cast<void>(visitors.login({number(), *login}));
      return {};
    }
    case RecordClass::kFinding:
      return hand_out(DecodeFinding(number(), value, sensors), visitors.finding);
    case RecordClass::kHealth:
      return hand_out(DecodeHealth(number(), value, sensors), visitors.health);
  }
  return kDamagedPlace;
}

base::Result<std::vector<RecordPlace>> RocksSpool::PlacesBehind(const RecordPlace& after,
                                                                size_t count_max) const {
  const std::shared_lock shared(parts_.gate);
  if (!is_open()) return kNotOpen;
  std::vector<RecordPlace> places;
  const auto gather = [&](rocksdb::ColumnFamilyHandle* family, RecordPlace first) -> base::Status {
    const std::unique_ptr<rocksdb::Iterator> at(parts_.db.db()->NewIterator({}, family));
    at->Seek(Slice(first.key));
    for (; at->Valid() && places.size() < count_max; at->Next()) {
      first.key = at->key().ToString();
      if (after < first) places.push_back(first);
    }
    return at->status().ok() ? base::Status() : base::Status(Unreadable(at->status()));
  };
  if (after.record_class == RecordClass::kSession) {
    for (const auto& day : parts_.db.Days()) {
      if (day->number < after.day || places.size() >= count_max) continue;
      auto gathered = gather(
          day->sessions->handle(),
          {after.record_class, day->number, day->number == after.day ? after.key : std::string()});
      if (!gathered.ok()) return gathered.error();
    }
  }
  for (const auto& [record_class, family] : {std::pair{RecordClass::kLogin, parts_.db.logins()},
                                             {RecordClass::kFinding, parts_.db.findings()},
                                             {RecordClass::kHealth, parts_.db.health()}}) {
    if (record_class < after.record_class || places.size() >= count_max) continue;
    const bool same = record_class == after.record_class;
    auto gathered = gather(family, {record_class, 0, same ? after.key : std::string()});
    if (!gathered.ok()) return gathered.error();
  }
  return places;
}

StoreState RocksSpool::state() const { return parts_.writer.state(); }

bool RocksSpool::HasFamilies(DayNumber day) const {
  const std::shared_lock shared(parts_.gate);
  return is_open() && parts_.db.FindDay(day) != nullptr;
}

base::Result<bool> RocksSpool::HasOpenSessions(DayNumber day) const {
  const std::shared_lock shared(parts_.gate);
  if (!is_open()) return kNotOpen;
  const std::unique_ptr<rocksdb::Iterator> at(
      parts_.db.db()->NewIterator({}, parts_.db.open_sessions()));
  for (at->SeekToFirst(); at->Valid(); at->Next()) {
    if (DecodeOpenSession(at->value().ToStringView()).day == day) return true;
  }
  if (!at->status().ok()) return Unreadable(at->status());
  return false;
}

base::Result<std::map<std::string, std::string>> RocksSpool::Meta(std::string_view prefix) const {
  const std::shared_lock shared(parts_.gate);
  if (!is_open()) return kNotOpen;
  std::map<std::string, std::string> found;
  const std::unique_ptr<rocksdb::Iterator> at(parts_.db.db()->NewIterator({}, parts_.db.meta()));
  for (at->Seek(Slice(prefix)); at->Valid() && at->key().starts_with(Slice(prefix)); at->Next()) {
    found[at->key().ToString()] = at->value().ToString();
  }
  if (!at->status().ok()) return Unreadable(at->status());
  return found;
}

base::Status RocksSpool::PutMeta(std::string_view key, std::string_view value) {
  const std::shared_lock shared(parts_.gate);
  if (!is_open()) return kNotOpen;
  rocksdb::WriteOptions options;
  options.sync = true;
  const auto status = parts_.db.db()->Put(options, parts_.db.meta(), Slice(key), Slice(value));
  return status.ok() ? base::Status() : base::Status(Unwritable(status));
}

base::Status RocksSpool::DeleteMeta(std::string_view key) {
  const std::shared_lock shared(parts_.gate);
  if (!is_open()) return kNotOpen;
  rocksdb::WriteOptions options;
  options.sync = true;
  const auto status = parts_.db.db()->Delete(options, parts_.db.meta(), Slice(key));
  return status.ok() ? base::Status() : base::Status(Unwritable(status));
}

base::Result<std::vector<RecordPlace>> RocksSpool::UnsettledLate(
    std::span<const RecordPlace> places) const {
  const std::shared_lock shared(parts_.gate);
  if (!is_open()) return kNotOpen;
  std::vector<RecordPlace> unsettled;
  const auto until = parts_.writer.state().sealed.until;
  for (const RecordPlace& place : places) {
    if (place.record_class != RecordClass::kSession || !until) break;  // those sort first
    const auto key = DecodeRecordKey(place.day, place.key);
    if (!key) return kDamagedPlace;
    if (key->order.start >= *until) continue;
    const auto is_unsettled = IsUnsettled(parts_.db, key->order);
    if (!is_unsettled.ok()) return is_unsettled.error();
    if (*is_unsettled) unsettled.push_back(place);
  }
  return unsettled;
}

base::Status RocksSpool::SettleLateAt(const RecordPlace& place, const SessionRecord* earlier) {
  const std::lock_guard alone(parts_.writing);
  const std::shared_lock shared(parts_.gate);
  if (!is_open()) return kNotOpen;
  const auto key = DecodeRecordKey(place.day, place.key);
  if (!key) return kDamagedPlace;
  return parts_.writer.SettleLate(place.day, *key, earlier);
}

base::Status RocksSpool::NoteFound(DayNumber day, std::span<const RecordKey> keys) {
  const std::lock_guard alone(parts_.writing);
  const std::shared_lock shared(parts_.gate);
  if (!is_open()) return kNotOpen;
  const auto family = parts_.db.FindDay(day);
  rocksdb::WriteBatch batch;
  for (const RecordKey& key : keys) {
    const std::string place = EncodeRecordKey(key);
    std::string value;  // as it is here; empty: it is not
    if (family) {
      const auto status = parts_.db.db()->Get({}, family->sessions->handle(), place, &value);
      if (!status.ok() && !status.IsNotFound()) return Unreadable(status);
    }
    if (auto noted = NoteLate(batch, parts_.db, day, place, value); !noted.ok()) return noted;
  }
  rocksdb::WriteOptions options;
  options.sync = true;
  const auto status = parts_.db.db()->Write(options, &batch);
  return status.ok() ? base::Status() : base::Status(Unwritable(status));
}

base::Result<bool> RocksSpool::DropArchivedDay(DayNumber day, uint64_t changes,
                                               std::string_view meta_key,
                                               std::string_view meta_value, bool even_open) {
  // The writer is kept out, so that nothing of the day changes behind the two looks.
  const std::lock_guard alone(parts_.writing);
  const auto open = HasOpenSessions(day);
  if (!open.ok()) return open.error();
  if ((*open && !even_open) || Waits(day) || Changes(day) != changes) return false;
  if (auto dropped = parts_.writer.DropArchivedDay(day, meta_key, meta_value); !dropped.ok()) {
    return dropped.error();
  }
  return true;
}

}  // namespace weir::control::audit
