#include "control/clickhouse/archive_reader.h"

#include <fmt/format.h>

#include <algorithm>
#include <limits>

#include "control/clickhouse/conditions.h"
#include "control/clickhouse/row_stream.h"
#include "control/clickhouse/schema.h"
#include "control/clickhouse/session_row.h"

namespace weir::control::clickhouse {
namespace {

using audit::kDayNs;
using audit::kHourNs;
using audit::kMinuteNs;

constexpr int64_t kHourMinutes = 60;
constexpr int64_t kDayMinutes = 24 * kHourMinutes;
constexpr int64_t kMinutesMax = 31 * kDayMinutes;
constexpr uint64_t kFewRows = 20'000;
constexpr uint64_t kManyRows = 500'000;
// An hour is the least that the server finds without reading more: it is cut only where it has more
// than these.
constexpr uint64_t kFullRows = 4'000'000;
constexpr uint64_t kNarrowShare = 16;  // of the rows, one meets conditions that few do, or less
constexpr int64_t kWidenFactor = 4;
// What is more goes to the server's disk, and is merged from there: with 8192 rows of each piece in
// memory, and not 65,536.
constexpr std::string_view kSort =
    " SETTINGS max_bytes_before_external_sort = 134217728, max_block_size = 8192";
constexpr std::string_view kAnd = " AND ";  // which QueryConditions() begins with
constexpr int64_t kNsMin = std::numeric_limits<int64_t>::min();
constexpr int64_t kNsMax = std::numeric_limits<int64_t>::max();

int64_t Minus(int64_t a, int64_t positive) { return a < kNsMin + positive ? kNsMin : a - positive; }
int64_t Plus(int64_t a, int64_t positive) { return a > kNsMax - positive ? kNsMax : a + positive; }

int64_t Floor(int64_t ns, int64_t unit_ns) {
  return (ns / unit_ns - (ns % unit_ns < 0 ? 1 : 0)) * unit_ns;
}

// Whole hours, or less than one.
int64_t Whole(int64_t minutes) {
  return minutes < kHourMinutes ? std::max<int64_t>(minutes, 1) : minutes - minutes % kHourMinutes;
}

// Conditions that few sessions meet.
bool IsNarrow(const audit::Query& query) {
  return query.session_id || !query.account.empty() || query.ip || !query.name.empty() ||
         query.port || !query.rule.empty();
}

audit::SessionOrder OrderOf(const audit::SessionRecord& record) {
  return {record.event.start, record.event.session_id, record.event.part};
}

}  // namespace

base::Result<std::vector<DaySpan>> SpansOf(
    const std::vector<std::pair<audit::DayNumber, ArchivedDay>>& days, const audit::Query& query) {
  const auto cursor = audit::CheckQuery(query);
  if (!cursor.ok()) return cursor.error();
  const audit::SessionFilter filter(query);
  std::vector<DaySpan> spans;
  if (query.limit == 0 || filter.from() >= filter.to()) return spans;
  for (const auto& [number, known] : days) {
    const int64_t day_ns = audit::DayStart(number).ns;
    int64_t from = Minus(filter.from().ns, query.by_start ? 0 : known.longest_ns);
    int64_t to = filter.to().ns;
    if (*cursor && query.newest_first) to = std::min(to, Plus((*cursor)->start.ns, 1));
    if (*cursor && !query.newest_first) from = std::max(from, (*cursor)->start.ns);
    from = std::max(from, day_ns);
    to = std::min(to, day_ns + kDayNs);
    if (from < to) spans.push_back({number, from, to, known.single, known.records});
  }
  return spans;
}

ArchiveReader::ArchiveReader(HttpConnection& server, const audit::Query& query,
                             const audit::SessionVisitor& visit)
    : server_(server),
      query_(query),
      visit_(visit),
      filter_(query),
      conditions_(QueryConditions(query)),
      narrow_(IsNarrow(query)) {}

base::Result<audit::QueryResult> ArchiveReader::Read(const std::vector<DaySpan>& spans) {
  const auto cursor = audit::CheckQuery(query_);
  if (!cursor.ok()) return cursor.error();
  cursor_ = *cursor;
  minutes_ = MinutesAtFirst(spans);
  while (next_ < spans.size() && !stopped_) {
    const Window window = NextWindow(spans);
    const auto rows = ReadWindow(window);
    if (!rows.ok()) return rows.error();
    GoOn(spans, window);
    Adapt(window, *rows);
  }
  return result_;
}

// As many as have some hundred thousand rows, were all days as full as the fullest.
int64_t ArchiveReader::MinutesAtFirst(const std::vector<DaySpan>& spans) const {
  uint64_t fullest = 1;
  for (const DaySpan& span : spans) fullest = std::max(fullest, span.records);
  const auto hours = static_cast<int64_t>(24 * kManyRows / 2 / fullest);
  return std::clamp<int64_t>(hours * kHourMinutes, narrow_ ? kDayMinutes : kHourMinutes,
                             kMinutesMax);
}

// That a window is expected to have at most.
uint64_t ArchiveReader::RowsMax() const { return narrow_ ? kFullRows * kNarrowShare : kFullRows; }

// Of a window that begins, or newest first ends, in a day with so many records.
int64_t ArchiveReader::WidthNs(uint64_t records) const {
  const auto room = static_cast<int64_t>(static_cast<uint64_t>(kDayMinutes) * RowsMax() /
                                         std::max<uint64_t>(records, 1));
  return Whole(std::min(minutes_, room)) * kMinuteNs;
}

// A window goes on from one span into the next where no time is between them, for the server may
// have what is of no span, and while both together are not too full.
ArchiveReader::Window ArchiveReader::NextWindow(const std::vector<DaySpan>& spans) const {
  Window window;
  if (query_.newest_first) {
    size_t first = spans.size() - 1 - next_;
    const int64_t width_ns = WidthNs(spans[first].records);
    const int64_t unit_ns = width_ns < kHourNs ? kMinuteNs : kHourNs;
    window.to_ns = std::min(position_.value_or(kNsMax), spans[first].to_ns);
    int64_t begin = Minus(Floor(window.to_ns - 1, unit_ns) + unit_ns, width_ns);
    if (width_ns < kHourNs) begin = std::max(begin, Floor(window.to_ns - 1, kHourNs));
    window.single = spans[first].single;
    for (uint64_t records = spans[first].records; first > 0; first--) {
      const DaySpan& before = spans[first - 1];
      records += before.records;
      if (before.to_ns != spans[first].from_ns || before.to_ns <= begin) break;
      if (records > RowsMax()) break;
      window.single = window.single && before.single;
    }
    window.from_ns = std::max(begin, spans[first].from_ns);
    return window;
  }
  size_t last = next_;
  const int64_t width_ns = WidthNs(spans[last].records);
  const int64_t unit_ns = width_ns < kHourNs ? kMinuteNs : kHourNs;
  window.from_ns = std::max(position_.value_or(kNsMin), spans[last].from_ns);
  int64_t end = Plus(Floor(window.from_ns, unit_ns), width_ns);
  if (width_ns < kHourNs) end = std::min(end, Floor(window.from_ns, kHourNs) + kHourNs);
  window.single = spans[last].single;
  for (uint64_t records = spans[last].records; last + 1 < spans.size(); last++) {
    const DaySpan& next = spans[last + 1];
    records += next.records;
    if (next.from_ns != spans[last].to_ns || next.from_ns >= end) break;
    if (records > RowsMax()) break;
    window.single = window.single && next.single;
  }
  window.to_ns = std::min(end, spans[last].to_ns);
  return window;
}

void ArchiveReader::GoOn(const std::vector<DaySpan>& spans, const Window& window) {
  position_ = query_.newest_first ? window.from_ns : window.to_ns;
  const auto is_read = [&] {
    if (next_ >= spans.size()) return false;
    return query_.newest_first ? spans[spans.size() - 1 - next_].from_ns >= *position_
                               : spans[next_].to_ns <= *position_;
  };
  while (is_read()) next_++;
}

// Where no row is there twice, the query's conditions are looked at before the other columns are
// read (PREWHERE); with FINAL they must wait until the versions are merged.
std::string ArchiveReader::Statement(const Window& window, uint64_t rows_max) const {
  const std::string_view conditions = conditions_;
  const bool before = window.single && !conditions.empty();
  const std::string prewhere =
      before ? fmt::format(" PREWHERE {}", conditions.substr(kAnd.size())) : std::string();
  return fmt::format("SELECT {} FROM {}{}{} WHERE {}{}{}{}{}{}{} FORMAT RowBinary",
                     SessionSelectColumns(), TableName(server_.endpoint(), "sessions"),
                     window.single ? "" : " FINAL", prewhere,
                     StartConditions(window.from_ns, window.to_ns), MomentConditions(filter_),
                     CursorCondition(cursor_, query_.newest_first), before ? "" : conditions,
                     OrderBy(query_.newest_first),
                     rows_max == audit::kNoLimit ? "" : fmt::format(" LIMIT {}", rows_max), kSort);
}

// The rows that came.
base::Result<uint64_t> ArchiveReader::ReadWindow(const Window& window) {
  uint64_t all_rows = 0;
  while (!stopped_) {
    const uint64_t rows_max =
        query_.limit == audit::kNoLimit ? audit::kNoLimit : query_.limit - result_.visited;
    const uint64_t before = result_.examined;
    RowStream rows([this](const audit::SessionRecord& record) { return TakeRow(record); });
    const auto streamed = server_.Stream(
        Statement(window, rows_max), [&rows](std::string_view piece) { return rows.Take(piece); });
    if (auto whole = rows.Finish(); streamed.ok() && !whole.ok()) {
      return base::Error{
          fmt::format("ClickHouse at {}: {}", server_.endpoint().url, whole.error().message)};
    }
    if (!streamed.ok()) return streamed.error();
    const uint64_t came = result_.examined - before;
    all_rows += came;
    // As many as were asked for, and not all of them to the visitor's: there may be more behind.
    if (came < rows_max) break;
    cursor_ = last_;
  }
  return all_rows;
}

bool ArchiveReader::TakeRow(const audit::SessionRecord& record) {
  result_.examined++;
  const audit::SessionOrder order = OrderOf(record);
  if (last_ == order) {  // the one before has the higher version
    doubles_++;
    return true;
  }
  last_ = order;
  if (!filter_.Matches(record)) return true;
  result_.visited++;
  const bool more = visit_(record);
  if (more && result_.visited < query_.limit) return true;
  stopped_ = true;
  result_.next_cursor = audit::EncodeCursor(order);
  return false;
}

void ArchiveReader::Adapt(const Window& window, uint64_t rows) {
  const int64_t minutes = (window.to_ns - window.from_ns) / kMinuteNs;
  if (rows < kFewRows) minutes_ = std::min(minutes_ * kWidenFactor, kMinutesMax);
  if (rows > kManyRows && minutes_ > kHourMinutes) {
    minutes_ = Whole(std::max(minutes / kWidenFactor, kHourMinutes));
  } else if (rows > kFullRows) {
    minutes_ = Whole(minutes / kWidenFactor);
  }
}

}  // namespace weir::control::clickhouse
