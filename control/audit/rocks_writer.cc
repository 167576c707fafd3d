#include "control/audit/rocks_writer.h"

#include <fmt/format.h>

#include <algorithm>
#include <memory>
#include <utility>

#include "control/audit/bytes.h"
#include "control/audit/late_records.h"

namespace weir::control::audit {
namespace {

constexpr size_t kCloseLostChunk = 4096;

rocksdb::Slice Slice(std::string_view text) { return {text.data(), text.size()}; }

// A batch takes every write, save when it would grow beyond 4 GiB, which none here does.
void Put(rocksdb::WriteBatch& batch, rocksdb::ColumnFamilyHandle* family, std::string_view key,
         std::string_view value) {
  static_cast<void>(batch.Put(family, Slice(key), Slice(value)));
}
void Delete(rocksdb::WriteBatch& batch, rocksdb::ColumnFamilyHandle* family, std::string_view key) {
  static_cast<void>(batch.Delete(family, Slice(key)));
}

std::string OpenKey(const PartId& id) {
  std::string key;
  PutBe(key, id.session_id);
  PutBe(key, id.part);
  return key;
}

std::string OpenValue(const StoredPart& part) {
  std::string value;
  PutBe(value, static_cast<uint32_t>(part.day));
  return value += part.key;
}

std::string SeqKey(uint64_t seq) {
  std::string key;
  PutBe(key, seq);
  return key;
}

bool SameTerms(const SessionRecord& a, const SessionRecord& b) {
  return a.event.name == b.event.name && a.identity.account == b.identity.account &&
         a.event.src_port == b.event.src_port && a.event.dst_port == b.event.dst_port &&
         a.event.ip_protocol == b.event.ip_protocol;
}

// What names the record's place stays as it was first announced, whatever a later snapshot says.
void KeepPlace(const events::SessionEvent& first, events::SessionEvent& event) {
  event.start = first.start;
  event.src_ip = first.src_ip;
  event.dst_ip = first.dst_ip;
  event.direction = first.direction;
}

}  // namespace

RocksWriter::RocksWriter(RocksDb& db, Options options)
    : db_(db), options_(std::move(options)), cache_(options_.open_sessions_cached_max) {}

base::Error RocksWriter::Failure(std::string_view doing, const rocksdb::Status& status) const {
  return StoreError(options_.dir, doing, status);
}

base::Status RocksWriter::Load() {
  cache_.Clear();
  recent_.Clear();
  auto state = LoadState(db_);
  if (!state.ok()) return state.error();
  auto sensors = LoadSensors(db_, options_.sensor, sensor_);
  if (!sensors.ok()) return sensors.error();
  if (options_.outbox) {
    if (auto loaded = outbox_.Load(db_); !loaded.ok()) return loaded;
  }
  const std::lock_guard lock(mutex_);
  state_ = std::move(state).value();
  sensors_ = std::move(sensors).value();
  return {};
}

StoreState RocksWriter::state() const {
  const std::lock_guard lock(mutex_);
  return state_;
}

Sensors RocksWriter::sensors() const {
  const std::lock_guard lock(mutex_);
  return sensors_;
}

WriterCounters RocksWriter::counters() const {
  const std::lock_guard lock(mutex_);
  return counters_;
}

base::Status RocksWriter::Commit(const Batch& batch) {
  Write write;
  write.state = state_;
  write.counters = counters_;
  write.parts.reserve(batch.sessions.size());
  write.places.reserve(batch.sessions.size());
  base::Status status;
  for (size_t i = 0; i < batch.sessions.size() && status.ok(); i++) {
    status = AddSnapshot(write, batch.sessions[i]);
  }
  for (size_t i = 0; i < write.parts.size() && status.ok(); i++) {
    if (write.parts[i].newest != nullptr) status = WritePart(write, write.parts[i]);
  }
  if (status.ok()) {
    AddSorted(write);
    WriteEvents(write, batch);
    if (!batch.position.empty()) write.state.position = batch.position;
    if (!batch.login_position.empty()) write.state.login_position = batch.login_position;
    PutTotals(write.batch, db_, write.state);
    status = Apply(write);
  }
  if (!status.ok()) recent_.Clear();  // what it remembers may never have been written
  return status;
}

base::Status RocksWriter::AddSnapshot(Write& write, const Batch::Session& session) {
  const PartId id{session.event.session_id, session.event.part};
  const auto [place, fresh] = write.places.try_emplace(id, write.parts.size());
  if (fresh) {
    Pending& added = write.parts.emplace_back();
    added.id = id;
    if (auto loaded = LoadPrevious(added, session.event); !loaded.ok()) return loaded;
  }
  Pending& part = write.parts[place->second];
  const bool known = part.previous.has_value() || part.newest != nullptr;
  if (known && session.event.revision <= part.revision) {
    write.counters.snapshots_stale++;
    return {};
  }
  part.newest = &session.event;
  part.revision = session.event.revision;
  if (part.identity.account.empty()) part.identity = session.identity;
  write.counters.snapshots_written++;
  return {};
}

// Finds what the store has of this part. Views in part.identity point into part.previous.
base::Status RocksWriter::LoadPrevious(Pending& part, const events::SessionEvent& event) {
  if (const StoredPart* cached = cache_.Find(part.id)) {
    part.previous = *cached;
  } else {
    StoredPart stored;
    stored.day = DayOf(event.start);
    stored.key = EncodeRecordKey({InsideIp(event), {event.start, event.session_id, event.part}});
    const auto day = db_.FindDay(stored.day);
    if (!day) return {};
    const auto status =
        db_.db()->Get({}, day->sessions->handle(), Slice(stored.key), &stored.value);
    if (status.IsNotFound()) return {};
    if (!status.ok()) return Failure("cannot read", status);
    part.previous = std::move(stored);
  }
  const auto key = DecodeRecordKey(part.previous->day, part.previous->key);
  if (!key) return base::Error{"a key in the session store is damaged"};
  const auto record = DecodeSession(*key, part.previous->value, sensors_);
  if (!record.ok()) return record.error();
  part.revision = record->event.revision;
  part.identity = record->identity;
  return {};
}

base::Status RocksWriter::WritePart(Write& write, Pending& part) {
  SessionRecord record{*part.newest, part.identity, {}};
  std::optional<SessionRecord> previous;
  if (part.previous) {
    const auto key = DecodeRecordKey(part.previous->day, part.previous->key);
    auto decoded = DecodeSession(key.value(), part.previous->value, sensors_);
    if (!decoded.ok()) return decoded.error();
    previous = *decoded;
    KeepPlace(previous->event, record.event);
    part.written.day = part.previous->day;
    part.written.key = part.previous->key;
  } else {
    const events::SessionEvent& event = record.event;
    part.written.day = DayOf(event.start);
    part.written.key =
        EncodeRecordKey({InsideIp(event), {event.start, event.session_id, event.part}});
  }
  part.written.value = EncodeSession(record, sensor_);
  part.open = record.event.state == events::SessionState::kOpen;

  const auto day = db_.MakeDay(part.written.day);
  if (!day.ok()) return day.error();
  const std::string_view earlier = part.previous ? part.previous->value : std::string_view();
  if (auto noted = NoteIfSealed(write, part.written, earlier); !noted.ok()) return noted;
  write.changes.push_back(
      {(*day)->sessions->handle(), part.written.key, part.written.value, false});
  NoteChange(write, {RecordClass::kSession, part.written.day, part.written.key});
  if (!previous || !SameTerms(*previous, record)) WriteIndex(write, **day, record);
  WriteOpenEntry(write, part, previous && previous->event.state == events::SessionState::kOpen);

  DayState& day_state = write.state.days[part.written.day];
  if (!previous) day_state.records++;
  if (record.event.end > record.event.start) {
    day_state.longest_ns =
        std::max(day_state.longest_ns, record.event.end.ns - record.event.start.ns);
  }
  return {};
}

base::Status RocksWriter::NoteIfSealed(Write& write, const StoredPart& part,
                                       std::string_view earlier) const {
  const auto& until = write.state.sealed.until;
  if (!until || DayStart(part.day) >= *until) return {};
  const auto key = DecodeRecordKey(part.day, part.key);
  if (!key) return base::Error{"a key in the session store is damaged"};
  if (key->order.start >= *until) return {};
  return NoteLate(write.batch, db_, part.day, part.key, earlier);
}

void RocksWriter::WriteIndex(Write& write, const RocksDb::Day& day, const SessionRecord& record) {
  const events::SessionEvent& event = record.event;
  const Cell cell = CellOf({InsideIp(event), {event.start, event.session_id, event.part}});
  ForEachTerm(record, [&](const std::string& term) {
    std::string entry = IndexKey(term, cell);
    if (!recent_.Add(day.number, entry)) return;
    write.changes.push_back({day.index->handle(), std::move(entry), {}, false});
  });
}

void RocksWriter::WriteOpenEntry(Write& write, const Pending& part, bool was_open) {
  if (part.open == was_open) return;
  part.open ? write.state.open_sessions++ : write.state.open_sessions--;
  write.changes.push_back({db_.open_sessions(), OpenKey(part.id),
                           part.open ? OpenValue(part.written) : std::string(), !part.open});
}

// The database finds the place of a key beside the one before it: in order they go in several
// times faster than as they come.
void RocksWriter::AddSorted(Write& write) {
  std::sort(write.changes.begin(), write.changes.end(), [](const Change& a, const Change& b) {
    return a.family != b.family ? a.family < b.family : a.key < b.key;
  });
  for (const Change& change : write.changes) {
    if (change.is_deletion) {
      Delete(write.batch, change.family, change.key);
    } else {
      Put(write.batch, change.family, change.key, change.value);
    }
  }
}

void RocksWriter::WriteEvents(Write& write, const Batch& batch) {
  for (const auto& finding : batch.findings) {
    write.state.findings++;
    const std::string key = SeqKey(++write.state.finding_seq);
    Put(write.batch, db_.findings(), key, EncodeFinding(finding.event, finding.identity, sensor_));
    NoteChange(write, {RecordClass::kFinding, 0, key});
  }
  for (const auto& health : batch.health) {
    write.state.health++;
    const std::string key = SeqKey(++write.state.health_seq);
    Put(write.batch, db_.health(), key, EncodeHealth(health, sensor_));
    NoteChange(write, {RecordClass::kHealth, 0, key});
  }
  for (const auto& login : batch.logins) {
    write.state.logins++;
    const std::string key = SeqKey(++write.state.login_seq);
    Put(write.batch, db_.logins(), key, EncodeLogin(login));
    NoteChange(write, {RecordClass::kLogin, 0, key});
  }
}

void RocksWriter::NoteChange(Write& write, const RecordPlace& place) const {
  if (options_.outbox) outbox_.Add(db_, write.batch, write.outbox, place);
}

// Writes, and only then lets the memory know.
base::Status RocksWriter::Apply(Write& write) {
  for (const auto& [number, day] : write.state.days) {
    const auto known = state_.days.find(number);
    const bool same = known != state_.days.end() && known->second.records == day.records &&
                      known->second.longest_ns == day.longest_ns;
    if (!same) PutDayState(write.batch, db_, number, day);
  }
  rocksdb::WriteOptions options;
  options.sync = options_.sync;
  const auto status = db_.db()->Write(options, &write.batch);
  if (!status.ok()) return Failure("cannot write", status);
  outbox_.Done(write.outbox);
  for (Pending& part : write.parts) {
    if (part.newest == nullptr) continue;
    if (part.open) {
      cache_.Put(part.id, std::move(part.written));
    } else {
      cache_.Erase(part.id);
    }
  }
  const std::lock_guard lock(mutex_);
  state_ = std::move(write.state);
  counters_ = write.counters;
  return {};
}

base::Status RocksWriter::CloseLost(uint64_t boot_id) {
  if (state_.boot_id == boot_id) return {};
  const std::unique_ptr<rocksdb::Iterator> at(db_.db()->NewIterator({}, db_.open_sessions()));
  at->SeekToFirst();
  for (bool more = true; more;) {
    if (auto closed = CloseLostChunk(*at, more); !closed.ok()) return closed;
  }
  cache_.Clear();
  Write write;
  write.state = state_;
  write.counters = counters_;
  write.state.boot_id = boot_id;
  PutTotals(write.batch, db_, write.state);
  return Apply(write);
}

// A chunk that is written stays written: its entries are gone when the call is repeated.
base::Status RocksWriter::CloseLostChunk(rocksdb::Iterator& at, bool& more) {
  Write write;
  write.state = state_;
  write.counters = counters_;
  for (size_t i = 0; i < kCloseLostChunk && at.Valid(); i++, at.Next()) {
    const auto closed = CloseLostPart(write, at.key().ToStringView(), at.value().ToStringView());
    if (!closed.ok()) return closed;
  }
  if (!at.status().ok()) return Failure("cannot read", at.status());
  more = at.Valid();
  PutTotals(write.batch, db_, write.state);
  return Apply(write);
}

base::Status RocksWriter::CloseLostPart(Write& write, std::string_view open_key,
                                        std::string_view open_value) {
  Delete(write.batch, db_.open_sessions(), open_key);
  write.state.open_sessions--;
  base::Cursor in(AsBytes(open_value));
  const auto number = static_cast<DayNumber>(in.U32());
  const std::string_view key_bytes = open_value.substr(in.ok() ? sizeof(uint32_t) : 0);
  const auto day = db_.FindDay(number);
  if (!day) return {};  // retention was faster
  std::string value;
  const auto status = db_.db()->Get({}, day->sessions->handle(), Slice(key_bytes), &value);
  if (!status.ok()) return Failure("cannot read an open session", status);
  const auto key = DecodeRecordKey(number, key_bytes);
  if (!key) return base::Error{"a key in the session store is damaged"};
  StoredPart part{number, std::string(key_bytes), std::move(value)};
  if (auto noted = NoteIfSealed(write, part, part.value); !noted.ok()) return noted;
  auto record = DecodeSession(*key, part.value, sensors_);
  if (!record.ok()) return record.error();
  record->event.state = events::SessionState::kClosed;
  record->event.end_reason = events::EndReason::kLost;
  // The record stays with the sensor that saw it.
  const auto sensor = std::find(sensors_.begin(), sensors_.end(), record->sensor);
  Put(write.batch, day->sessions->handle(), key_bytes,
      EncodeSession(*record, static_cast<uint32_t>(sensor - sensors_.begin())));
  NoteChange(write, {RecordClass::kSession, number, std::string(key_bytes)});
  write.counters.sessions_closed_lost++;
  return {};
}

base::Status RocksWriter::MarkSealed(base::WallTime until) {
  Write write;
  write.state = state_;
  write.counters = counters_;
  SealState& sealed = write.state.sealed;
  if (sealed.until && *sealed.until >= until) return {};
  sealed.until = until;
  PutSealState(write.batch, db_, sealed);
  return Apply(write);
}

base::Status RocksWriter::DropArchivedDay(DayNumber day, std::string_view meta_key,
                                          std::string_view meta_value) {
  Write write;
  write.state = state_;
  write.counters = counters_;
  write.state.days.erase(day);
  DeleteDayState(write.batch, db_, day);
  Put(write.batch, db_.meta(), meta_key, meta_value);
  PutTotals(write.batch, db_, write.state);
  if (auto applied = Apply(write); !applied.ok()) return applied;
  recent_.Clear();
  cache_.Clear();
  return db_.DropDay(day);
}

base::Status RocksWriter::NoteSeal(const SealHead& head, std::optional<TimeSpan> amended) {
  Write write;
  write.state = state_;
  write.counters = counters_;
  write.state.sealed.head = head;
  PutSealState(write.batch, db_, write.state.sealed);
  if (amended) ForgetLate(write.batch, db_, *amended);
  return Apply(write);
}

}  // namespace weir::control::audit
