#include "control/audit/index_check.h"

#include <algorithm>
#include <memory>
#include <string>
#include <unordered_set>
#include <vector>

#include "control/audit/part_cache.h"
#include "control/audit/store_keys.h"

namespace weir::control::audit {
namespace {

using Entries = std::vector<std::string>;
using Parts = std::unordered_set<PartId, PartIdHash>;

base::Error Unreadable(const rocksdb::Iterator& at) {
  return base::Error{"session store: cannot read: " + at.status().ToString()};
}

// The entries that the day's records ask for.
base::Status ExpectedEntries(const RocksDb& db, const RocksDb::Day& day, const Sensors& sensors,
                             Parts& parts, Entries& expected, IndexCheck& check) {
  const std::unique_ptr<rocksdb::Iterator> at(db.db()->NewIterator({}, day.sessions->handle()));
  for (at->SeekToFirst(); at->Valid(); at->Next()) {
    const auto key = DecodeRecordKey(day.number, at->key().ToStringView());
    if (!key) return base::Error{"a key in the session store is damaged"};
    const auto record = DecodeSession(*key, at->value().ToStringView(), sensors);
    if (!record.ok()) return record.error();
    check.records++;
    if (!parts.insert({key->order.session_id, key->order.part}).second) check.doubled_records++;
    const Cell cell = CellOf(*key);
    ForEachTerm(*record, [&](const std::string& term, TermUse) {
      expected.push_back(IndexKey(term, cell));
    });
  }
  return at->status().ok() ? base::Status() : Unreadable(*at);
}

base::Status ActualEntries(const RocksDb& db, const IndexTail& tail, const RocksDb::Day& day,
                           Entries& actual) {
  for (const auto& run : tail.Of(day.number)) {
    for (size_t i = 0; i < run->size(); i++) actual.emplace_back((*run)[i]);
  }
  const std::unique_ptr<rocksdb::Iterator> at(db.db()->NewIterator({}, day.index->handle()));
  for (at->SeekToFirst(); at->Valid(); at->Next()) actual.push_back(at->key().ToString());
  return at->status().ok() ? base::Status() : Unreadable(*at);
}

uint64_t CountOnlyIn(const Entries& these, const Entries& those) {
  Entries only;
  std::set_difference(these.begin(), these.end(), those.begin(), those.end(),
                      std::back_inserter(only));
  return only.size();
}

}  // namespace

base::Result<IndexCheck> CheckIndexEntries(const RocksDb& db, const IndexTail& tail,
                                           const Sensors& sensors) {
  IndexCheck check;
  Parts parts;
  for (const auto& day : db.Days()) {
    Entries expected;
    Entries actual;
    auto read = ExpectedEntries(db, *day, sensors, parts, expected, check);
    if (read.ok()) read = ActualEntries(db, tail, *day, actual);
    if (!read.ok()) return read.error();
    std::sort(expected.begin(), expected.end());
    expected.erase(std::unique(expected.begin(), expected.end()), expected.end());
    std::sort(actual.begin(), actual.end());
    actual.erase(std::unique(actual.begin(), actual.end()), actual.end());
    check.entries += actual.size();
    check.missing_entries += CountOnlyIn(expected, actual);
    check.idle_entries += CountOnlyIn(actual, expected);
  }
  return check;
}

}  // namespace weir::control::audit
