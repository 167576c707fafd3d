#include "control/audit/outbox.h"

#include <memory>

#include "control/audit/bytes.h"

namespace weir::control::audit {

std::string EncodePlace(const RecordPlace& place) {
  std::string bytes(1, static_cast<char>(place.record_class));
  PutBe(bytes, static_cast<uint32_t>(place.day));
  return bytes += place.key;
}

std::optional<RecordPlace> DecodePlace(std::string_view bytes) {
  base::Cursor in(AsBytes(bytes));
  RecordPlace place;
  const uint8_t record_class = in.U8();
  place.day = static_cast<DayNumber>(in.U32());
  if (!in.ok() || record_class >= kRecordClasses) return std::nullopt;
  place.record_class = static_cast<RecordClass>(record_class);
  place.key = bytes.substr(1 + sizeof(uint32_t));
  return place;
}

std::string Outbox::Key(uint64_t number) {
  std::string key;
  PutBe(key, number);
  return key;
}

base::Status Outbox::Load(const RocksDb& db) {
  uint64_t first = 0;
  uint64_t last = 0;
  std::map<DayNumber, uint64_t> last_of_day;
  const std::unique_ptr<rocksdb::Iterator> at(db.db()->NewIterator({}, db.outbox()));
  for (at->SeekToFirst(); at->Valid(); at->Next()) {
    base::Cursor in(AsBytes(at->key().ToStringView()));
    last = in.U64();
    const auto place = DecodePlace(at->value().ToStringView());
    if (!in.ok() || !place) return base::Error{"the session store's outbox is damaged"};
    if (first == 0) first = last;
    if (place->record_class == RecordClass::kSession) last_of_day[place->day] = last;
  }
  if (!at->status().ok()) {
    return base::Error{"session store: cannot read the outbox: " + at->status().ToString()};
  }
  const std::lock_guard lock(mutex_);
  first_ = first == 0 ? 1 : first;
  next_ = last + 1;
  for (const auto& [day, last_entry] : last_of_day) changes_[day]++;  // the store was opened anew
  last_of_day_ = std::move(last_of_day);
  return {};
}

void Outbox::Add(const RocksDb& db, rocksdb::WriteBatch& batch, Additions& additions,
                 const RecordPlace& place) const {
  uint64_t number = 0;
  {
    const std::lock_guard lock(mutex_);
    number = next_ + additions.count++;
  }
  if (place.record_class == RecordClass::kSession) additions.last_of_day[place.day] = number;
  static_cast<void>(batch.Put(db.outbox(), Key(number), EncodePlace(place)));
}

void Outbox::Done(const Additions& additions) {
  const std::lock_guard lock(mutex_);
  next_ += additions.count;
  for (const auto& [day, last] : additions.last_of_day) {
    last_of_day_[day] = last;
    changes_[day]++;
  }
}

uint64_t Outbox::Changes(DayNumber day) const {
  const std::lock_guard lock(mutex_);
  const auto found = changes_.find(day);
  return found == changes_.end() ? 0 : found->second;
}

uint64_t Outbox::first() const {
  const std::lock_guard lock(mutex_);
  return first_;
}

uint64_t Outbox::rows() const {
  const std::lock_guard lock(mutex_);
  return next_ - first_;
}

bool Outbox::HasDay(DayNumber day) const {
  const std::lock_guard lock(mutex_);
  return last_of_day_.contains(day);
}

void Outbox::Trimmed(uint64_t through) {
  const std::lock_guard lock(mutex_);
  first_ = through + 1;
  std::erase_if(last_of_day_, [through](const auto& of_day) { return of_day.second <= through; });
}

}  // namespace weir::control::audit
