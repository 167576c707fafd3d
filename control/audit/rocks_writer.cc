#include "control/audit/rocks_writer.h"

#include <fmt/format.h>
#include <rocksdb/perf_level.h>

#include <algorithm>
#include <memory>
#include <utility>

#include "control/audit/bytes.h"
#include "control/audit/late_records.h"
#include "control/audit/open_sessions.h"

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

std::string SeqKey(uint64_t seq) {
  std::string key;
  PutBe(key, seq);
  return key;
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
    : db_(db),
      options_(std::move(options)),
      cache_(options_.open_sessions_cached_max),
      index_tail_(db, options_.index_tail_entries_max) {}

base::Error RocksWriter::Failure(std::string_view doing, const rocksdb::Status& status) const {
  return StoreError(options_.dir, doing, status);
}

base::Status RocksWriter::Load() {
  cache_.Clear();
  auto state = LoadState(db_);
  if (!state.ok()) return state.error();
  if (options_.restored) RaiseNumbers(*state, *options_.restored);
  if (auto loaded = index_tail_.Load(); !loaded.ok()) return loaded;
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
  // Nobody asks for RocksDB's counters, which it would raise at each comparison of two keys.
  rocksdb::SetPerfLevel(rocksdb::PerfLevel::kDisable);
  if (index_tail_.full()) {
    if (auto moved = index_tail_.MoveIntoIndexes(); !moved.ok()) return moved;
  }
  Write write;
  write.state = state_;
  write.counters = counters_;
  auto status = AddSessions(write, batch.sessions);
  if (status.ok()) {
    index_tail_.PutInto(write.batch);
    WriteEvents(write, batch);
    if (!batch.position.empty()) write.state.position = batch.position;
    if (!batch.login_position.empty()) write.state.login_position = batch.login_position;
    PutTotals(write.batch, db_, write.state);
    status = Apply(write);
  }
  status.ok() ? index_tail_.Written() : index_tail_.Abandon();
  return status;
}

// Part by part, whatever the order in which their snapshots come.
base::Status RocksWriter::AddSessions(Write& write, const std::vector<Batch::Session>& sessions) {
  std::vector<const Batch::Session*> snapshots;
  snapshots.reserve(sessions.size());
  for (const auto& session : sessions) snapshots.push_back(&session);
  const auto id_of = [](const Batch::Session* session) {
    return PartId{session->event.session_id, session->event.part};
  };
  std::sort(snapshots.begin(), snapshots.end(), [&](const auto* a, const auto* b) {
    const auto order = id_of(a) <=> id_of(b);
    return order == 0 ? a < b : order < 0;
  });
  write.parts.reserve(sessions.size());
  for (size_t begin = 0, end = 0; begin < snapshots.size(); begin = end) {
    while (end < snapshots.size() && id_of(snapshots[end]) == id_of(snapshots[begin])) end++;
    if (auto added = AddPart(write, std::span(snapshots).subspan(begin, end - begin)); !added.ok())
      return added;
  }
  PutSorted(write);
  return {};
}

// Of the snapshots of one part, in the order in which they came, the newest counts.
base::Status RocksWriter::AddPart(Write& write, std::span<const Batch::Session* const> snapshots) {
  const PartId id{snapshots.front()->event.session_id, snapshots.front()->event.part};
  Previous previous;
  if (auto loaded = LoadPrevious(id, snapshots.front()->event, previous); !loaded.ok()) {
    return loaded;
  }
  const events::SessionEvent* newest = previous.record ? &previous.record->event : nullptr;
  Identity identity = previous.record ? previous.record->identity : Identity{};
  bool changes = false;
  for (const Batch::Session* snapshot : snapshots) {
    if (newest != nullptr && snapshot->event.revision <= newest->revision) {
      write.counters.snapshots_stale++;
      continue;
    }
    newest = &snapshot->event;
    if (identity.account.empty()) identity = snapshot->identity;
    write.counters.snapshots_written++;
    changes = true;
  }
  if (!changes) return {};  // the store has this one, or a newer
  return WritePart(write, id, {*newest, identity, {}}, previous);
}

base::Status RocksWriter::LoadPrevious(const PartId& id, const events::SessionEvent& event,
                                       Previous& previous) {
  previous.stored = cache_.Find(id);
  if (previous.stored == nullptr) {
    StoredPart& stored = previous.read;
    stored.day = DayOf(event.start);
    const auto day = db_.FindDay(stored.day);
    if (!day) return {};
    stored.key = EncodeRecordKey({InsideIp(event), {event.start, event.session_id, event.part}});
    const auto status =
        db_.db()->Get({}, day->sessions->handle(), Slice(stored.key), &stored.value);
    if (status.IsNotFound()) return {};
    if (!status.ok()) return Failure("cannot read", status);
    previous.stored = &stored;
  }
  const auto key = DecodeRecordKey(previous.stored->day, previous.stored->key);
  if (!key) return base::Error{"a key in the session store is damaged"};
  const auto record = DecodeSession(*key, previous.stored->value, sensors_);
  if (!record.ok()) return record.error();
  previous.record = *record;
  return {};
}

base::Status RocksWriter::WritePart(Write& write, const PartId& id, SessionRecord record,
                                    const Previous& previous) {
  Changed& changed = write.parts.emplace_back();
  changed.id = id;
  changed.open = record.event.state == events::SessionState::kOpen;
  StoredPart& part = changed.part;
  if (previous.record) {
    KeepPlace(previous.record->event, record.event);
    part.day = previous.stored->day;
    part.key = previous.stored->key;
  } else {
    const events::SessionEvent& event = record.event;
    part.day = DayOf(event.start);
    part.key = EncodeRecordKey({InsideIp(event), {event.start, event.session_id, event.part}});
  }
  part.value = EncodeSession(record, sensor_);

  const auto day = db_.MakeDay(part.day);
  if (!day.ok()) return day.error();
  changed.family = (*day)->sessions->handle();
  const std::string_view earlier = previous.record ? previous.stored->value : std::string_view();
  if (auto noted = NoteIfSealed(write, part, earlier); !noted.ok()) return noted;
  NoteChange(write, {RecordClass::kSession, part.day, part.key});
  WriteIndex(part.day, record, previous.record);
  const bool was_open =
      previous.record && previous.record->event.state == events::SessionState::kOpen;
  WriteOpenEntry(write, changed, was_open);

  DayState& day_state = write.state.days[part.day];
  if (!previous.record) day_state.records++;
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
  if (earlier.empty() && options_.outbox) {
    return NoteLate(write.batch, db_, part.day, part.key, std::nullopt);
  }
  return NoteLate(write.batch, db_, part.day, part.key, earlier);
}

void RocksWriter::WriteIndex(DayNumber day, const SessionRecord& record,
                             const std::optional<SessionRecord>& before) {
  const events::SessionEvent& event = record.event;
  const Cell cell = CellOf({InsideIp(event), {event.start, event.session_id, event.part}});
  const auto add = [&](const std::string& term, TermUse use) {
    index_tail_.Add(day, term, use, cell);
  };
  before ? ForEachNewTerm(*before, record, add) : ForEachTerm(record, add);
}

// Parts come in the order of their ids, which is that of the keys here.
void RocksWriter::WriteOpenEntry(Write& write, const Changed& changed, bool was_open) {
  if (changed.open == was_open) return;
  if (changed.open) {
    write.state.open_sessions++;
    Put(write.batch, db_.open_sessions(), OpenSessionKey(changed.id),
        OpenSessionValue(changed.part));
  } else {
    write.state.open_sessions--;
    Delete(write.batch, db_.open_sessions(), OpenSessionKey(changed.id));
  }
}

// The database finds the place of a key beside the one before it: in order they go in several
// times faster than as they come.
void RocksWriter::PutSorted(Write& write) {
  std::vector<const Changed*> parts;
  parts.reserve(write.parts.size());
  for (const Changed& changed : write.parts) parts.push_back(&changed);
  std::sort(parts.begin(), parts.end(), [](const Changed* a, const Changed* b) {
    return a->part.day != b->part.day ? a->part.day < b->part.day : a->part.key < b->part.key;
  });
  for (const Changed* changed : parts) {
    Put(write.batch, changed->family, changed->part.key, changed->part.value);
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
    if (known == state_.days.end() || known->second != day) {
      PutDayState(write.batch, db_, number, day);
    }
  }
  rocksdb::WriteOptions options;
  options.sync = options_.sync;
  const auto status = db_.db()->Write(options, &write.batch);
  if (!status.ok()) return Failure("cannot write", status);
  outbox_.Done(write.outbox);
  for (Changed& changed : write.parts) {
    if (changed.open) {
      cache_.Put(changed.id, std::move(changed.part));
    } else {
      cache_.Erase(changed.id);
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
  write.state.open_sessions = 0;
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
  const auto [number, key_bytes] = DecodeOpenSession(open_value);
  const auto day = db_.FindDay(number);
  if (!day) return {};  // retention was faster
  std::string value;
  const auto status = db_.db()->Get({}, day->sessions->handle(), Slice(key_bytes), &value);
  if (status.IsNotFound()) return {};  // the same, and the day was made again since
  if (!status.ok()) return Failure("cannot read an open session", status);
  const auto key = DecodeRecordKey(number, key_bytes);
  if (!key) return base::Error{"a key in the session store is damaged"};
  StoredPart part{number, std::string(key_bytes), std::move(value)};
  auto record = DecodeSession(*key, part.value, sensors_);
  if (!record.ok()) return record.error();
  if (record->event.state == events::SessionState::kClosed) return {};
  if (auto noted = NoteIfSealed(write, part, part.value); !noted.ok()) return noted;
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

base::Status RocksWriter::MarkPacked(DayNumber day, uint64_t records) {
  Write write;
  write.state = state_;
  write.counters = counters_;
  const auto found = write.state.days.find(day);
  if (found == write.state.days.end()) return {};  // retention was faster
  found->second.records_packed = records;
  return Apply(write);
}

base::Status RocksWriter::SettleLate(DayNumber day, const RecordKey& key,
                                     const SessionRecord* earlier) {
  Write write;
  write.state = state_;
  write.counters = counters_;
  std::string value;
  if (earlier != nullptr) {
    const auto sensor = std::find(sensors_.begin(), sensors_.end(), earlier->sensor);
    if (sensor == sensors_.end()) {
      return base::Error{"the archive has a session of a sensor that the store does not know"};
    }
    value = EncodeSession(*earlier, static_cast<uint32_t>(sensor - sensors_.begin()));
    if (auto goes_on = GoOnAs(write, day, key, *earlier); !goes_on.ok()) return goes_on;
  }
  audit::SettleLate(write.batch, db_, key, value);
  return Apply(write);
}

// What WritePart() does with an earlier snapshot that is here. The index stays: of days of the
// archive nobody asks it.
base::Status RocksWriter::GoOnAs(Write& write, DayNumber day, const RecordKey& key,
                                 const SessionRecord& earlier) {
  const auto family = db_.FindDay(day);
  if (!family) return {};
  Changed changed;
  changed.id = {key.order.session_id, key.order.part};
  changed.family = family->sessions->handle();
  changed.part = {day, EncodeRecordKey(key), {}};
  std::string value;
  const auto status = db_.db()->Get({}, changed.family, Slice(changed.part.key), &value);
  if (status.IsNotFound()) return {};
  if (!status.ok()) return Failure("cannot read", status);
  auto record = DecodeSession(key, value, sensors_);
  if (!record.ok()) return record.error();
  KeepPlace(earlier.event, record->event);
  if (!earlier.identity.account.empty()) record->identity = earlier.identity;
  changed.open = record->event.state == events::SessionState::kOpen;
  changed.part.value = EncodeSession(*record, sensor_);
  write.parts.push_back(std::move(changed));
  PutSorted(write);
  return {};
}

// What the store knows of a day and its open sessions. Its records go by themselves.
base::Status RocksWriter::ForgetDay(Write& write, DayNumber day) {
  const auto open = ForgetOpenSessions(write.batch, db_, day);
  if (!open.ok()) return open.error();
  write.state.open_sessions -= std::min(write.state.open_sessions, *open);
  write.state.days.erase(day);
  DeleteDayState(write.batch, db_, day);
  return {};
}

base::Status RocksWriter::DropArchivedDay(DayNumber day, std::string_view meta_key,
                                          std::string_view meta_value) {
  Write write;
  write.state = state_;
  write.counters = counters_;
  if (auto forgotten = ForgetDay(write, day); !forgotten.ok()) return forgotten;
  Put(write.batch, db_.meta(), meta_key, meta_value);
  PutTotals(write.batch, db_, write.state);
  if (auto applied = Apply(write); !applied.ok()) return applied;
  index_tail_.Forget(day);
  cache_.Clear();
  return db_.DropDay(day);
}

base::Status RocksWriter::NoteSeal(const SealHead& head, std::optional<TimeSpan> amended) {
  Write write;
  write.state = state_;
  write.counters = counters_;
  write.state.sealed.head = head;
  PutSealState(write.batch, db_, write.state.sealed);
  if (amended) {
    if (auto forgotten = ForgetLate(write.batch, db_, *amended); !forgotten.ok()) return forgotten;
  }
  return Apply(write);
}

}  // namespace weir::control::audit
