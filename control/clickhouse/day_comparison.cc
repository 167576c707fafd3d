#include "control/clickhouse/day_comparison.h"

#include <fmt/format.h>

#include <algorithm>

#include "control/clickhouse/archive_reader.h"
#include "control/clickhouse/session_row.h"

namespace weir::control::clickhouse {
namespace {

// Some 20 MB of rows. The store looks for a page's beginning within its minute, so that small pages
// would read a busy minute often.
constexpr uint64_t kPageRecords = 65'536;

struct Row {
  audit::SessionOrder order;
  uint64_t version = 0;
  std::string bytes;
};

Row RowOf(const audit::SessionRecord& record) {
  const events::SessionEvent& event = record.event;
  Row row{{event.start, event.session_id, event.part}, VersionOf(event), {}};
  PutSessionRow(row.bytes, record);
  return row;
}

std::string Words(const audit::SessionOrder& order) {
  return fmt::format("session {:016x}, part {}, of {}", order.session_id, order.part,
                     base::FormatRfc3339(order.start));
}

// The day's records of this machine, one after another.
class LocalRows {
 public:
  LocalRows(audit::RocksStore& store, audit::DayNumber day) : store_(store), day_(day) {
    query_.limit = kPageRecords;
  }

  // Null at the end. Valid until the next call of Advance().
  base::Result<const Row*> Front() {
    if (at_ == page_.size() && !ended_) {
      page_.clear();
      at_ = 0;
      const auto read =
          store_.SessionsOfDay(day_, query_, [this](const audit::SessionRecord& record) {
            page_.push_back(RowOf(record));
            return true;
          });
      if (!read.ok()) return read.error();
      query_.cursor = read->next_cursor;
      ended_ = read->next_cursor.empty();
    }
    return at_ == page_.size() ? nullptr : &page_[at_];
  }
  void Advance() { at_++; }

 private:
  audit::RocksStore& store_;
  const audit::DayNumber day_;
  audit::Query query_;
  std::vector<Row> page_;
  size_t at_ = 0;
  bool ended_ = false;
};

class Comparer {
 public:
  Comparer(audit::RocksStore& local, audit::DayNumber day, bool more_there, const FoundThere& found)
      : local_(local, day), more_there_(more_there), found_(found) {}

  // A record of the archive. False: no need to look further.
  bool Take(const audit::SessionRecord& record) {
    Note(record);
    const Row row = RowOf(record);
    const auto front = local_.Front();
    if (!front.ok()) return Fail(front.error());
    const Row* local = *front;
    if (local != nullptr && local->order < row.order) {
      return Differ("the archive has not got " + Words(local->order));
    }
    if (local == nullptr || row.order < local->order) {
      if (!more_there_) return Differ("only the archive has " + Words(row.order));
      return Found(record);
    }
    const bool newer_there = more_there_ && row.version > local->version;
    if (row.bytes != local->bytes && !newer_there) {
      return Differ("the archive differs in " + Words(row.order));
    }
    local_.Advance();
    return !newer_there || Found(record);
  }

  base::Result<DayComparison> Finish(uint64_t doubles) {
    if (comparison_.difference.empty() && error_.message.empty()) {
      const auto rest = local_.Front();
      if (!rest.ok()) return rest.error();
      if (*rest != nullptr) Differ("the archive has not got " + Words((*rest)->order));
    }
    if (!error_.message.empty()) return error_;
    comparison_.same = comparison_.difference.empty();
    comparison_.archived.single = doubles == 0;
    return comparison_;
  }

 private:
  void Note(const audit::SessionRecord& record) {
    ArchivedDay& archived = comparison_.archived;
    const events::SessionEvent& event = record.event;
    if (archived.records++ == 0) archived.oldest = event.start;
    if (event.end > event.start) {
      archived.longest_ns = std::max(archived.longest_ns, event.end.ns - event.start.ns);
    }
  }
  bool Found(const audit::SessionRecord& record) {
    if (!found_) return true;
    const auto told = found_(record);
    return told.ok() || Fail(told.error());
  }
  bool Differ(std::string words) {
    comparison_.difference = std::move(words);
    return false;
  }
  bool Fail(const base::Error& error) {
    error_ = error;
    return false;
  }

  LocalRows local_;
  const bool more_there_;
  const FoundThere& found_;
  DayComparison comparison_;
  base::Error error_;
};

}  // namespace

base::Result<DayComparison> CompareDay(audit::RocksStore& local, HttpConnection& server,
                                       audit::DayNumber day, bool more_there,
                                       const FoundThere& found) {
  const audit::Query all;
  ArchivedDay plain;
  plain.single = true;  // doubles are wanted: they are counted
  const auto days = local.spool().state().days;
  if (const auto known = days.find(day); known != days.end()) plain.records = known->second.records;
  const auto spans = SpansOf({{day, plain}}, all);
  if (!spans.ok()) return spans.error();
  Comparer comparer(local, day, more_there, found);
  const audit::SessionVisitor take = [&](const audit::SessionRecord& record) {
    return comparer.Take(record);
  };
  ArchiveReader reader(server, all, take);
  if (const auto read = reader.Read(*spans); !read.ok()) return read.error();
  return comparer.Finish(reader.doubles());
}

}  // namespace weir::control::clickhouse
