// The rows of one batch for each table, cut so that a server takes what it is given at once.
//
// ClickHouse refuses rows of more than 100 partitions in one INSERT since 19.5
// (max_partitions_per_insert_block), and a partition is a day. One thread.
#pragma once

#include <array>
#include <cstdint>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "control/audit/rocks_spool.h"
#include "control/audit/store_keys.h"

namespace weir::control::clickhouse {

inline constexpr size_t kInsertDaysMax = 99;

class RowBatch {
 public:
  struct Table {
    std::string_view name;
    std::string columns;
    std::vector<std::string> inserts;  // rows as RowBinary, each for an INSERT of its own
    std::set<audit::DayNumber> days;   // of the last one
  };

  RowBatch();

  // Each record that they are handed becomes a row. The batch must outlive them.
  audit::RecordVisitors Visitors();

  std::span<const Table> tables() const { return tables_; }
  uint64_t rows() const { return rows_; }

 private:
  enum Place : size_t { kSessions, kLogins, kFindings, kHealth, kPlaces };

  std::string& RowsOf(Place place, base::WallTime time);

  std::array<Table, kPlaces> tables_;
  uint64_t rows_ = 0;
};

}  // namespace weir::control::clickhouse
