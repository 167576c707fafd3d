// Answers queries for sessions: day by day, minute by minute, in the order of time.
//
// One reader serves one query on one thread, beside the writer.
#pragma once

#include <rocksdb/db.h>

#include <atomic>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "control/audit/index_reader.h"
#include "control/audit/query.h"
#include "control/audit/record_codec.h"
#include "control/audit/rocks_db.h"
#include "control/audit/session_store.h"
#include "control/audit/store_state.h"
#include "dataplane/base/result.h"

namespace weir::control::audit {

// Whether a record meets every condition of the query, time among them.
class SessionFilter {
 public:
  explicit SessionFilter(const Query& query);

  bool Matches(const SessionRecord& record) const;

  // The stretch of time asked for, [from, to).
  base::WallTime from() const { return from_; }
  base::WallTime to() const { return to_; }

 private:
  bool MatchesName(std::string_view name) const;

  const Query& query_;
  std::string name_;  // in lower case, without the leading dot
  bool names_below_;
  base::WallTime from_;
  base::WallTime to_;
};

std::string EncodeCursor(const SessionOrder& order);
base::Result<SessionOrder> DecodeCursor(std::string_view text);

// The cursor of a query, where it has one; fails on a query that nobody can answer.
base::Result<std::optional<SessionOrder>> CheckQuery(const Query& query);

class SessionReader {
 public:
  struct Source {
    const RocksDb& db;
    const IndexTail& index_tail;
    const StoreState state;
    const Sensors sensors;
    const std::atomic<bool>& abandon;  // set by who wants the database for himself
    size_t cells_max = 1 << 18;        // in memory at once
  };

  SessionReader(const Source& source, const Query& query, const SessionVisitor& visit);

  base::Result<QueryResult> Run();
  // Of the sessions that began on that day only.
  base::Result<QueryResult> RunDay(DayNumber number);

 private:
  struct Match {
    SessionOrder order;
    RecordKey key;
    std::string value;
  };
  // Of the day: nanoseconds since its start, the second not included.
  struct Slice {
    int64_t from_ns = 0;
    int64_t to_ns = 0;
  };

  base::Status ReadDay(const RocksDb::DayPointer& day);
  base::Status ReadByTime(MinuteRange range);
  base::Status ReadRange(MinuteRange range, const std::vector<Lookup>& lookups);
  IndexReader::Limits LimitsOf(const Lookup& lookup, MinuteRange range) const;
  base::Status ReadHalves(MinuteRange range, const std::vector<Lookup>& lookups);
  base::Status Narrow(const std::vector<Lookup>& lookups, std::vector<Cell>& cells);
  base::Status ReadCells(const std::vector<Cell>& cells);
  base::Status ReadSlice(std::span<const Cell> cells, Slice slice);
  base::Status Gather(std::span<const Cell> cells, Slice slice, bool& overflow);
  base::Status GatherCell(const Cell& cell, Slice slice, bool& overflow);
  void KeepFirst(Slice& slice);
  base::Status Emit();
  base::Result<bool> Prepare();
  MinuteRange MinutesOf(const RocksDb::Day& day) const;
  bool BeyondCursor(const SessionOrder& order) const;
  bool done() const { return stopped_; }

  const Source& source_;
  const Query& query_;
  const SessionVisitor& visit_;
  const SessionFilter filter_;
  std::optional<SessionOrder> cursor_;
  QueryResult result_;
  bool stopped_ = false;

  // Of the day being read.
  RocksDb::DayPointer day_;
  std::unique_ptr<IndexReader> index_;
  std::unique_ptr<rocksdb::Iterator> records_;
  std::vector<Match> matches_;
  size_t matches_bytes_ = 0;
};

}  // namespace weir::control::audit
