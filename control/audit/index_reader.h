// Finds the cells of a day in which records with a term may lie.
//
// One reader belongs to one query and thread.
#pragma once

#include <rocksdb/db.h>

#include <atomic>
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

// What a query fails with once somebody wants the database for himself.
base::Error Abandoned();

class IndexReader {
 public:
  // Of one Collect(). Entries are those looked at, whether they are of the range or not: those of
  // names below a domain stand name by name, and a short time is no shorter a way.
  struct Limits {
    size_t cells_max = SIZE_MAX;
    size_t entries_max = SIZE_MAX;
  };

  // Fails, once `abandon` is set.
  IndexReader(const RocksDb& db, const IndexTail& tail, RocksDb::DayPointer day,
              const std::atomic<bool>& abandon);

  // Puts the lookup's cells into `cells`, sorted, each once. Sets `overflow` and leaves off when
  // it goes beyond a limit.
  base::Status Collect(const Lookup& lookup, MinuteRange range, const Limits& limits,
                       std::vector<Cell>& cells, bool& overflow);

 private:
  void CollectTerm(const std::string& term, MinuteRange range, std::vector<Cell>& cells);
  void CollectNamesBelow(const std::string& prefix, MinuteRange range, std::vector<Cell>& cells);
  void CollectInside(const base::IpAddress& ip, MinuteRange range, std::vector<Cell>& cells);
  bool CountEntry();

  // Calls `visit(entry)` for the day's entries from `floor` on, in order, until it returns false;
  // for those of the tail apart, run by run. Leaves off at a limit.
  template <typename Visit>
  void ForEachFrom(std::string_view floor, const Visit& visit);

  const RocksDb::DayPointer day_;
  const IndexTail::Runs tail_;
  const std::atomic<bool>& abandon_;
  std::unique_ptr<rocksdb::Iterator> index_;
  std::unique_ptr<rocksdb::Iterator> records_;
  Limits limits_;       // of the Collect() in hand, as is the next
  size_t entries_ = 0;  // looked at
  bool abandoned_ = false;
};

}  // namespace weir::control::audit
