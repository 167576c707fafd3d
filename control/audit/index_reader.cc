#include "control/audit/index_reader.h"

#include <algorithm>

namespace weir::control::audit {
namespace {

constexpr size_t kEntriesBetweenLooks = 4096;  // at `abandon`

rocksdb::Slice Slice(std::string_view text) { return {text.data(), text.size()}; }

}  // namespace

base::Error Abandoned() {
  return base::Error{"the session store is being opened anew after a failure: ask again"};
}

Lookup TimeLookup() { return {.terms = {TimeTerm()}, .names_below = {}, .inside_ip = {}}; }

std::vector<Lookup> PlanLookups(const Query& query) {
  std::vector<Lookup> lookups;
  const auto exact = [&](std::string term) {
    lookups.push_back({.terms = {std::move(term)}, .names_below = {}, .inside_ip = {}});
  };
  if (query.session_id) exact(SessionIdTerm(*query.session_id));
  if (!query.account.empty()) exact(AccountTerm(query.account));
  if (query.ip) {
    lookups.push_back({.terms = {PeerTerm(*query.ip)}, .names_below = {}, .inside_ip = query.ip});
  }
  const bool below = query.name.starts_with('.');
  if (!query.name.empty() && !below) exact(NameTerm(query.name));
  if (query.port) exact(PortTerm(*query.port));
  if (below) {
    const std::string_view domain = std::string_view(query.name).substr(1);
    lookups.push_back(
        {.terms = {NameTerm(domain)}, .names_below = NamesBelowPrefix(domain), .inside_ip = {}});
  }
  return lookups;
}

// The tail before the index, so that no entry is missed that moves; the index before the records,
// so that every entry seen has its record.
IndexReader::IndexReader(const RocksDb& db, const IndexTail& tail, RocksDb::DayPointer day,
                         const std::atomic<bool>& abandon)
    : day_(std::move(day)), tail_(tail.Of(day_->number)), abandon_(abandon) {
  index_.reset(db.db()->NewIterator({}, day_->index->handle()));
  records_.reset(db.db()->NewIterator({}, day_->sessions->handle()));
}

base::Status IndexReader::Collect(const Lookup& lookup, MinuteRange range, const Limits& limits,
                                  std::vector<Cell>& cells, bool& overflow) {
  cells.clear();
  limits_ = limits;
  entries_ = 0;
  for (const auto& term : lookup.terms) CollectTerm(term, range, cells);
  if (lookup.names_below) CollectNamesBelow(*lookup.names_below, range, cells);
  if (lookup.inside_ip) CollectInside(*lookup.inside_ip, range, cells);
  if (abandoned_) return Abandoned();
  for (const auto* at : {index_.get(), records_.get()}) {
    if (!at->status().ok()) {
      return base::Error{"session store: cannot read: " + at->status().ToString()};
    }
  }
  overflow = cells.size() > limits.cells_max || entries_ > limits.entries_max;
  if (overflow) return {};
  std::sort(cells.begin(), cells.end());
  cells.erase(std::unique(cells.begin(), cells.end()), cells.end());
  return {};
}

// False when no more are to be looked at.
bool IndexReader::CountEntry() {
  if (++entries_ % kEntriesBetweenLooks == 0 && abandon_) abandoned_ = true;
  return !abandoned_ && entries_ <= limits_.entries_max;
}

template <typename Visit>
void IndexReader::ForEachFrom(std::string_view floor, const Visit& visit) {
  for (index_->Seek(Slice(floor)); index_->Valid(); index_->Next()) {
    if (!visit(index_->key().ToStringView()) || !CountEntry()) break;
  }
  for (const auto& run : tail_) {
    for (size_t i = run->LowerBound(floor); i < run->size(); i++) {
      if (!visit((*run)[i]) || !CountEntry()) break;
    }
  }
}

void IndexReader::CollectTerm(const std::string& term, MinuteRange range,
                              std::vector<Cell>& cells) {
  ForEachFrom(IndexFloor(term, range.from), [&](std::string_view entry) {
    if (!entry.starts_with(term) || cells.size() > limits_.cells_max) return false;
    const auto cell = DecodeIndexCell(entry, term.size());
    if (!cell) return true;  // CheckIndexes() tells of a damaged entry
    if (cell->minute >= range.to) return false;
    cells.push_back(*cell);
    return true;
  });
}

void IndexReader::CollectNamesBelow(const std::string& prefix, MinuteRange range,
                                    std::vector<Cell>& cells) {
  ForEachFrom(prefix, [&](std::string_view entry) {
    if (!entry.starts_with(prefix) || cells.size() > limits_.cells_max) return false;
    const auto cell = DecodeIndexCell(entry, NameTermBytes(entry));
    if (cell && cell->minute >= range.from && cell->minute < range.to) cells.push_back(*cell);
    return true;
  });
}

// The records of an inside address stand together within each hour: from record to the next minute
// that has one.
void IndexReader::CollectInside(const base::IpAddress& ip, MinuteRange range,
                                std::vector<Cell>& cells) {
  uint32_t minute = range.from;
  while (minute < range.to && cells.size() <= limits_.cells_max) {
    const int64_t offset_ns = minute * kMinuteNs;
    records_->Seek(Slice(RecordKeyFloor(ip, offset_ns)));
    const bool in_hour =
        records_->Valid() && records_->key().starts_with(Slice(RecordKeyPrefix(ip, offset_ns)));
    const auto key =
        in_hour ? DecodeRecordKey(day_->number, records_->key().ToStringView()) : std::nullopt;
    if (!key) {
      minute = (minute / 60 + 1) * 60;
      continue;
    }
    const Cell cell = CellOf(*key);
    if (cell.minute < range.to) cells.push_back(cell);
    minute = cell.minute + 1U;
  }
}

}  // namespace weir::control::audit
