// Finds the cells of a day in which records with a term may lie.
//
// One reader belongs to one query and thread.
#pragma once

#include <rocksdb/db.h>

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "control/audit/index_tail.h"
#include "control/audit/query.h"
#include "control/audit/rocks_db.h"
#include "control/audit/store_keys.h"
#include "dataplane/base/result.h"

namespace weir::control::audit {

// Minutes of a day, the second one not included.
struct MinuteRange {
  uint32_t from = 0;
  uint32_t to = kMinutesPerDay;
};

// One condition of a query that the index serves. Its cells are those of all its parts.
struct Lookup {
  std::vector<std::string> terms;            // entries with exactly these terms
  std::optional<std::string> names_below;    // entries of names whose term begins so
  std::optional<base::IpAddress> inside_ip;  // cells of this address, found among the records
};

// The conditions of a query, those that narrow most first. Empty when only time is left: then
// TimeLookup() serves.
std::vector<Lookup> PlanLookups(const Query& query);
Lookup TimeLookup();

class IndexReader {
 public:
  IndexReader(const RocksDb& db, const IndexTail& tail, RocksDb::DayPointer day);

  // Puts the lookup's cells into `cells`, sorted, each once. Sets `overflow` and leaves off when
  // there are more than `cells_max`.
  base::Status Collect(const Lookup& lookup, MinuteRange range, size_t cells_max,
                       std::vector<Cell>& cells, bool& overflow);

 private:
  void CollectTerm(const std::string& term, MinuteRange range, size_t cells_max,
                   std::vector<Cell>& cells);
  void CollectNamesBelow(const std::string& prefix, MinuteRange range, size_t cells_max,
                         std::vector<Cell>& cells);
  void CollectInside(const base::IpAddress& ip, MinuteRange range, size_t cells_max,
                     std::vector<Cell>& cells);

  // Calls `visit(entry)` for the day's entries from `floor` on, in order, until it returns false;
  // for those of the tail apart, run by run.
  template <typename Visit>
  void ForEachFrom(std::string_view floor, const Visit& visit);

  const RocksDb::DayPointer day_;
  const IndexTail::Runs tail_;
  std::unique_ptr<rocksdb::Iterator> index_;
  std::unique_ptr<rocksdb::Iterator> records_;
};

}  // namespace weir::control::audit
