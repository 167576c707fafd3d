#include "control/audit/late_records.h"

#include <fmt/format.h>

#include "control/audit/bytes.h"

namespace weir::control::audit {
namespace {

constexpr char kNew = 0;        // the session was not there
constexpr char kChanged = 1;    // its key and value follow
constexpr char kUnsettled = 2;  // it was not here; an archive is still to be asked

base::Error Unreadable(const rocksdb::Status& status) {
  return base::Error{"session store: cannot read what came late: " + status.ToString()};
}
const base::Error kDamaged{"session store: its record of what came late is damaged"};

std::string TimeKey(base::WallTime time) {
  std::string key;
  PutBe(key, SortableTime(time.ns));
  return key;
}

std::string LateKey(const SessionOrder& order) {
  std::string key = TimeKey(order.start);
  PutBe(key, order.session_id);
  PutBe(key, order.part);
  return key;
}

std::optional<SessionOrder> DecodeLateKey(std::string_view bytes) {
  base::Cursor in(AsBytes(bytes));
  SessionOrder order;
  order.start.ns = TimeFromSortable(in.U64());
  order.session_id = in.U64();
  order.part = in.U32();
  if (!in.ok() || !in.empty()) return std::nullopt;
  return order;
}

std::string LateValue(std::string_view record_key, std::string_view earlier) {
  std::string value(1, earlier.empty() ? kNew : kChanged);
  if (earlier.empty()) return value;
  PutString(value, record_key);
  return value += earlier;
}

bool IsUnsettledNote(std::string_view note) { return note == std::string_view(&kUnsettled, 1); }

}  // namespace

base::Status NoteLate(rocksdb::WriteBatch& batch, const RocksDb& db, DayNumber day,
                      std::string_view record_key, std::optional<std::string_view> earlier) {
  const auto key = DecodeRecordKey(day, record_key);
  if (!key) return base::Error{"a key in the session store is damaged"};
  const std::string late_key = LateKey(key->order);
  std::string known;
  const auto found = db.db()->Get({}, db.late(), late_key, &known);
  if (found.ok()) return {};
  if (!found.IsNotFound()) return Unreadable(found);
  const std::string value = earlier ? LateValue(record_key, *earlier) : std::string(1, kUnsettled);
  static_cast<void>(batch.Put(db.late(), late_key, value));
  return {};
}

base::Result<bool> IsUnsettled(const RocksDb& db, const SessionOrder& order) {
  std::string known;
  const auto found = db.db()->Get({}, db.late(), LateKey(order), &known);
  if (found.IsNotFound()) return false;
  if (!found.ok()) return Unreadable(found);
  return IsUnsettledNote(known);
}

base::Result<std::string> ReadNote(const RocksDb& db, const SessionOrder& order) {
  std::string note;
  const auto found = db.db()->Get({}, db.late(), LateKey(order), &note);
  if (found.IsNotFound()) return base::Error{"the hour was sealed anew meanwhile: ask again"};
  if (!found.ok()) return Unreadable(found);
  return note;
}

void SettleLate(rocksdb::WriteBatch& batch, const RocksDb& db, const RecordKey& key,
                std::string_view earlier) {
  const std::string value = LateValue(EncodeRecordKey(key), earlier);
  static_cast<void>(batch.Put(db.late(), LateKey(key.order), value));
}

base::Status ForgetLate(rocksdb::WriteBatch& batch, const RocksDb& db, const TimeSpan& span) {
  const std::string end = TimeKey(span.to);
  const std::unique_ptr<rocksdb::Iterator> at(db.db()->NewIterator({}, db.late()));
  for (at->Seek(TimeKey(span.from)); at->Valid() && at->key().compare(end) < 0; at->Next()) {
    static_cast<void>(batch.Delete(db.late(), at->key()));
  }
  return at->status().ok() ? base::Status() : base::Status(Unreadable(at->status()));
}

base::Result<std::vector<LateHour>> ListLateHours(const RocksDb& db) {
  std::vector<LateHour> hours;
  const std::unique_ptr<rocksdb::Iterator> at(db.db()->NewIterator({}, db.late()));
  for (at->SeekToFirst(); at->Valid(); at->Next()) {
    const auto order = DecodeLateKey(at->key().ToStringView());
    if (!order) return kDamaged;
    const base::WallTime hour = HourStart(order->start);
    if (hours.empty() || hours.back().hour != hour) hours.push_back({hour, 0});
    hours.back().records++;
  }
  if (!at->status().ok()) return Unreadable(at->status());
  return hours;
}

base::Result<LateCount> CountLateIn(const RocksDb& db, const TimeSpan& span) {
  LateCount count;
  const std::string end = TimeKey(span.to);
  const std::unique_ptr<rocksdb::Iterator> at(db.db()->NewIterator({}, db.late()));
  for (at->Seek(TimeKey(span.from)); at->Valid() && at->key().compare(end) < 0; at->Next()) {
    count.records++;
    if (at->value() == rocksdb::Slice(&kNew, 1)) count.added++;
  }
  if (!at->status().ok()) return Unreadable(at->status());
  return count;
}

base::Result<std::vector<LateRecord>> ReadLate(const RocksDb& db, const TimeSpan& span) {
  std::vector<LateRecord> late;
  const std::string end = TimeKey(span.to);
  const std::unique_ptr<rocksdb::Iterator> at(db.db()->NewIterator({}, db.late()));
  for (at->Seek(TimeKey(span.from)); at->Valid() && at->key().compare(end) < 0; at->Next()) {
    const auto order = DecodeLateKey(at->key().ToStringView());
    if (!order) return kDamaged;
    late.push_back({*order, at->value().ToString()});
  }
  if (!at->status().ok()) return Unreadable(at->status());
  return late;
}

bool CanHaveBecome(const SessionRecord& was, const SessionRecord& is) {
  const events::SessionEvent& before = was.event;
  const events::SessionEvent& after = is.event;
  const bool same_place = before.src_ip == after.src_ip && before.dst_ip == after.dst_ip &&
                          before.direction == after.direction &&
                          before.ip_protocol == after.ip_protocol &&
                          before.src_port == after.src_port && before.dst_port == after.dst_port;
  const bool same_account = was.identity.account.empty() || was.identity == is.identity;
  const bool counts_on = after.packets_to_dst >= before.packets_to_dst &&
                         after.packets_to_src >= before.packets_to_src &&
                         after.bytes_to_dst >= before.bytes_to_dst &&
                         after.bytes_to_src >= before.bytes_to_src;
  if (!same_place || !same_account || !counts_on) return false;
  const bool was_open = before.state == events::SessionState::kOpen;
  if (after.revision > before.revision) {
    return was_open || before.end_reason == events::EndReason::kLost;
  }
  // Closed as lost; or not changed yet, where it was read before it was.
  const bool lost = was_open && after.state == events::SessionState::kClosed &&
                    after.end_reason == events::EndReason::kLost;
  const bool same_end = before.state == after.state && before.end_reason == after.end_reason;
  return after.revision == before.revision && (lost || same_end) && before.end == after.end &&
         before.name == after.name && before.verdict == after.verdict &&
         before.rule == after.rule && was.identity == is.identity;
}

bool AsSealed::Fail(const SessionOrder& order, std::string_view what) {
  status_ =
      base::Error{fmt::format("session {:016x}, part {}, which began at {}, {}", order.session_id,
                              order.part, base::FormatRfc3339(order.start), what)};
  return false;
}

// Hands out the earlier form of the next late one, if it had one. `now`: the session as it is; null
// when it is not there.
bool AsSealed::VisitEarlier(const SessionRecord* now) {
  const LateRecord& late = late_[next_++];
  return IsUnsettledNote(late.value) ? VisitUnsettled(late, now)
                                     : VisitNoted(late, late.value, now);
}

bool AsSealed::VisitUnsettled(const LateRecord& late, const SessionRecord* now) {
  const auto note = archive_.note(late.order);
  if (!note.ok()) {
    status_ = note.error();
    return false;
  }
  if (!IsUnsettledNote(*note)) return VisitNoted(late, *note, now);
  return now == nullptr || !archive_.has(DayOf(late.order.start)) || Visit(*now);
}

bool AsSealed::VisitNoted(const LateRecord& late, std::string_view note, const SessionRecord* now) {
  base::Cursor in(AsBytes(note));
  const uint8_t kind = in.U8();
  if (kind == kNew && in.ok() && in.empty()) return true;
  const std::string_view key_bytes = GetString(in);
  const auto rest = in.rest();
  const std::string_view value(reinterpret_cast<const char*>(rest.data()), rest.size());
  const auto key = DecodeRecordKey(DayOf(late.order.start), key_bytes);
  if (kind != kChanged || !in.ok() || !key || key->order != late.order) {
    status_ = kDamaged;
    return false;
  }
  const auto record = DecodeSession(*key, value, sensors_);
  if (!record.ok()) {
    status_ = record.error();
    return false;
  }
  if (now == nullptr) return Fail(late.order, "has changed since it was sealed, and is gone");
  if (InsideIp(now->event) != key->inside_ip || !CanHaveBecome(*record, *now)) {
    return Fail(late.order, "cannot have become what it is since it was sealed");
  }
  return Visit(*record);
}

bool AsSealed::Visit(const SessionRecord& record) {
  stopped_ = !visit_(record);
  return !stopped_;
}

bool AsSealed::Offer(const SessionRecord& record) {
  const events::SessionEvent& event = record.event;
  const SessionOrder order{event.start, event.session_id, event.part};
  while (next_ < late_.size() && late_[next_].order <= order) {
    const bool same = late_[next_].order == order;
    if (!VisitEarlier(same ? &record : nullptr)) return false;
    if (same) return true;
  }
  return Visit(record);
}

base::Status AsSealed::Finish() {
  while (status_.ok() && !stopped_ && next_ < late_.size()) {
    if (!VisitEarlier(nullptr)) break;
  }
  return status_;
}

}  // namespace weir::control::audit
