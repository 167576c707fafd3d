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

constexpr int64_t kHoursMax = 31 * 24;
constexpr uint64_t kFewRows = 20'000;
constexpr uint64_t kManyRows = 500'000;
constexpr int64_t kWidenFactor = 4;
constexpr std::string_view kAnd = " AND ";  // which QueryConditions() begins with
constexpr int64_t kNsMin = std::numeric_limits<int64_t>::min();
constexpr int64_t kNsMax = std::numeric_limits<int64_t>::max();

int64_t Minus(int64_t a, int64_t positive) { return a < kNsMin + positive ? kNsMin : a - positive; }
int64_t Plus(int64_t a, int64_t positive) { return a > kNsMax - positive ? kNsMax : a + positive; }

int64_t HourOf(int64_t ns) { return ns / kHourNs - (ns % kHourNs < 0 ? 1 : 0); }

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
    int64_t from = Minus(filter.from().ns, known.longest_ns);
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
      conditions_(QueryConditions(query)) {}

base::Result<audit::QueryResult> ArchiveReader::Read(const std::vector<DaySpan>& spans) {
  const auto cursor = audit::CheckQuery(query_);
  if (!cursor.ok()) return cursor.error();
  cursor_ = *cursor;
  hours_ = HoursAtFirst(spans, IsNarrow(query_));
  while (next_ < spans.size() && !stopped_) {
    const Window window = NextWindow(spans);
    const auto rows = ReadWindow(window);
    if (!rows.ok()) return rows.error();
    GoOn(spans, window);
    Adapt(*rows);
  }
  return result_;
}

// As many as have some hundred thousand rows, were all days as full as the fullest.
int64_t ArchiveReader::HoursAtFirst(const std::vector<DaySpan>& spans, bool narrow) {
  uint64_t fullest = 1;
  for (const DaySpan& span : spans) fullest = std::max(fullest, span.records);
  const auto hours = static_cast<int64_t>(24 * kManyRows / 2 / fullest);
  return std::clamp<int64_t>(hours, narrow ? 24 : 1, kHoursMax);
}

ArchiveReader::Window ArchiveReader::NextWindow(const std::vector<DaySpan>& spans) const {
  Window window;
  if (query_.newest_first) {
    const size_t last = spans.size() - 1 - next_;
    window.to_ns = std::min(position_.value_or(kNsMax), spans[last].to_ns);
    const int64_t begin = Minus((HourOf(window.to_ns - 1) + 1) * kHourNs, hours_ * kHourNs);
    size_t first = last;
    while (first > 0 && spans[first - 1].to_ns > begin) first--;
    window.from_ns = std::max(begin, spans[first].from_ns);
    for (size_t i = first; i <= last; i++) window.single = window.single && spans[i].single;
    return window;
  }
  window.from_ns = std::max(position_.value_or(kNsMin), spans[next_].from_ns);
  const int64_t end = Plus(HourOf(window.from_ns) * kHourNs, hours_ * kHourNs);
  size_t last = next_;
  while (last + 1 < spans.size() && spans[last + 1].from_ns < end) last++;
  window.to_ns = std::min(end, spans[last].to_ns);
  for (size_t i = next_; i <= last; i++) window.single = window.single && spans[i].single;
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
  return fmt::format("SELECT {} FROM {}{}{} WHERE {}{}{}{}{}{} FORMAT RowBinary",
                     SessionSelectColumns(), TableName(server_.endpoint(), "sessions"),
                     window.single ? "" : " FINAL", prewhere,
                     StartConditions(window.from_ns, window.to_ns), MomentConditions(filter_),
                     CursorCondition(cursor_, query_.newest_first), before ? "" : conditions,
                     OrderBy(query_.newest_first),
                     rows_max == audit::kNoLimit ? "" : fmt::format(" LIMIT {}", rows_max));
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

void ArchiveReader::Adapt(uint64_t rows) {
  if (rows < kFewRows) hours_ = std::min(hours_ * kWidenFactor, kHoursMax);
  if (rows > kManyRows) hours_ = std::max<int64_t>(hours_ / kWidenFactor, 1);
}

}  // namespace weir::control::clickhouse
