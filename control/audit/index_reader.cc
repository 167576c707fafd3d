#include "control/audit/index_reader.h"

#include <algorithm>

namespace weir::control::audit {
namespace {

rocksdb::Slice Slice(std::string_view text) { return {text.data(), text.size()}; }

}  // namespace

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

IndexReader::IndexReader(const RocksDb& db, RocksDb::DayPointer day) : day_(std::move(day)) {
  // The index is read before the records: every entry seen then has its record.
  index_.reset(db.db()->NewIterator({}, day_->index->handle()));
  records_.reset(db.db()->NewIterator({}, day_->sessions->handle()));
}

base::Status IndexReader::Collect(const Lookup& lookup, MinuteRange range, size_t cells_max,
                                  std::vector<Cell>& cells, bool& overflow) {
  cells.clear();
  for (const auto& term : lookup.terms) CollectTerm(term, range, cells_max, cells);
  if (lookup.names_below) CollectNamesBelow(*lookup.names_below, range, cells_max, cells);
  if (lookup.inside_ip) CollectInside(*lookup.inside_ip, range, cells_max, cells);
  for (const auto* at : {index_.get(), records_.get()}) {
    if (!at->status().ok()) {
      return base::Error{"session store: cannot read: " + at->status().ToString()};
    }
  }
  overflow = cells.size() > cells_max;
  if (overflow) return {};
  std::sort(cells.begin(), cells.end());
  cells.erase(std::unique(cells.begin(), cells.end()), cells.end());
  return {};
}

void IndexReader::CollectTerm(const std::string& term, MinuteRange range, size_t cells_max,
                              std::vector<Cell>& cells) {
  for (index_->Seek(Slice(IndexFloor(term, range.from))); index_->Valid(); index_->Next()) {
    if (!index_->key().starts_with(Slice(term)) || cells.size() > cells_max) return;
    const auto cell = DecodeIndexCell(index_->key().ToStringView(), term.size());
    if (!cell) continue;  // CheckIndexes() tells of a damaged entry
    if (cell->minute >= range.to) return;
    cells.push_back(*cell);
  }
}

void IndexReader::CollectNamesBelow(const std::string& prefix, MinuteRange range, size_t cells_max,
                                    std::vector<Cell>& cells) {
  for (index_->Seek(Slice(prefix)); index_->Valid(); index_->Next()) {
    if (!index_->key().starts_with(Slice(prefix)) || cells.size() > cells_max) return;
    const std::string_view key = index_->key().ToStringView();
    const auto cell = DecodeIndexCell(key, NameTermBytes(key));
    if (cell && cell->minute >= range.from && cell->minute < range.to) cells.push_back(*cell);
  }
}

// The records of an inside address stand together within each hour: from record to the next minute
// that has one.
void IndexReader::CollectInside(const base::IpAddress& ip, MinuteRange range, size_t cells_max,
                                std::vector<Cell>& cells) {
  uint32_t minute = range.from;
  while (minute < range.to && cells.size() <= cells_max) {
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
