#include "control/audit/session_reader.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <limits>
#include <utility>

namespace weir::control::audit {
namespace {

constexpr size_t kMatchesBytesMax = 32 << 20;
// Below so few cells, reading them costs less than reading another index.
constexpr size_t kNarrowAbove = 256;
constexpr size_t kNarrowFactor = 16;
constexpr int64_t kNsMin = std::numeric_limits<int64_t>::min();
constexpr int64_t kNsMax = std::numeric_limits<int64_t>::max();

int64_t SaturatingMinus(int64_t a, int64_t positive) {
  return a < kNsMin + positive ? kNsMin : a - positive;
}

int64_t SaturatingPlus(int64_t a, int64_t positive) {
  return a > kNsMax - positive ? kNsMax : a + positive;
}

int64_t FloorToSecond(int64_t ns) {
  const int64_t rest = ns % base::kNsPerSecond;
  return ns - (rest < 0 ? rest + base::kNsPerSecond : rest);
}

}  // namespace

SessionFilter::SessionFilter(const Query& query)
    : query_(query),
      name_(LowerCase(query.name)),
      names_below_(query.name.starts_with('.')),
      from_(query.from.value_or(base::WallTime{kNsMin})),
      to_(query.to.value_or(base::WallTime{kNsMax})) {
  if (names_below_) name_.erase(0, 1);
  if (!query.at) return;
  const int64_t second = FloorToSecond(query.at->ns);
  from_ = std::max(from_, base::WallTime{second});
  to_ = std::min(to_, base::WallTime{SaturatingPlus(second, base::kNsPerSecond)});
}

bool SessionFilter::MatchesName(std::string_view name) const {
  const std::string lower = LowerCase(name);
  if (lower == name_) return true;
  return names_below_ && lower.size() > name_.size() && lower.ends_with(name_) &&
         lower[lower.size() - name_.size() - 1] == '.';
}

bool SessionFilter::Matches(const SessionRecord& record) const {
  const events::SessionEvent& event = record.event;
  const base::WallTime last = std::max(event.start, event.end);
  if (from_ >= to_ || event.start >= to_ || last < from_) return false;
  if (query_.by_start && event.start < from_) return false;
  if (query_.session_id && event.session_id != *query_.session_id) return false;
  if (!query_.account.empty() && record.identity.account != query_.account) return false;
  if (query_.ip && event.src_ip != *query_.ip && event.dst_ip != *query_.ip) return false;
  if (!query_.name.empty() && !MatchesName(event.name)) return false;
  if (query_.port) {
    if (!HasPorts(event.ip_protocol)) return false;
    if (event.src_port != *query_.port && event.dst_port != *query_.port) return false;
  }
  if (query_.state && event.state != *query_.state) return false;
  if (query_.verdict && event.verdict != *query_.verdict) return false;
  return query_.rule.empty() || event.rule == query_.rule;
}

std::string EncodeCursor(const SessionOrder& order) {
  return fmt::format("{}-{:016x}-{}", order.start.ns, order.session_id, order.part);
}

base::Result<SessionOrder> DecodeCursor(std::string_view text) {
  SessionOrder order;
  const char* at = text.data();
  const char* const end = at + text.size();
  const auto number = [&](auto& value, int number_base, char after) {
    const auto parsed = std::from_chars(at, end, value, number_base);
    if (parsed.ec != std::errc()) return false;
    at = parsed.ptr;
    if (after == '\0') return at == end;
    return at != end && *at++ == after;
  };
  if (number(order.start.ns, 10, '-') && number(order.session_id, 16, '-') &&
      number(order.part, 10, '\0')) {
    return order;
  }
  return base::Error{fmt::format("'{}' is not the cursor of an earlier answer", text)};
}

base::Result<std::optional<SessionOrder>> CheckQuery(const Query& query) {
  if (query.name == ".") return base::Error{"the name '.' says nothing: leave it out"};
  if (query.cursor.empty()) return std::optional<SessionOrder>();
  const auto cursor = DecodeCursor(query.cursor);
  if (!cursor.ok()) return cursor.error();
  return std::optional<SessionOrder>(*cursor);
}

SessionReader::SessionReader(const Source& source, const Query& query, const SessionVisitor& visit)
    : source_(source), query_(query), visit_(visit), filter_(query) {}

// False when nothing can match.
base::Result<bool> SessionReader::Prepare() {
  const auto cursor = CheckQuery(query_);
  if (!cursor.ok()) return cursor.error();
  cursor_ = *cursor;
  return query_.limit > 0 && filter_.from() < filter_.to();
}

base::Result<QueryResult> SessionReader::Run() {
  const auto prepared = Prepare();
  if (!prepared.ok()) return prepared.error();
  if (!*prepared) return result_;
  auto days = source_.db.Days();
  if (query_.newest_first) std::reverse(days.begin(), days.end());
  for (const auto& day : days) {
    if (done()) break;
    if (auto read = ReadDay(day); !read.ok()) return read.error();
  }
  return result_;
}

base::Result<QueryResult> SessionReader::RunDay(DayNumber number) {
  const auto prepared = Prepare();
  if (!prepared.ok()) return prepared.error();
  const auto day = source_.db.FindDay(number);
  if (!*prepared || !day) return result_;
  if (auto read = ReadDay(day); !read.ok()) return read.error();
  return result_;
}

// The minutes of the day in which a session must have begun to be asked for; empty: none.
MinuteRange SessionReader::MinutesOf(const RocksDb::Day& day) const {
  const auto state = source_.state.days.find(day.number);
  // A day that was made since the state was read has only what came after the question.
  if (state == source_.state.days.end()) return {0, 0};
  const int64_t day_start = DayStart(day.number).ns;
  const int64_t longest_ns = query_.by_start ? 0 : state->second.longest_ns;
  int64_t from = SaturatingMinus(filter_.from().ns, longest_ns);
  int64_t to = filter_.to().ns;
  if (cursor_ && query_.newest_first) to = std::min(to, SaturatingPlus(cursor_->start.ns, 1));
  if (cursor_ && !query_.newest_first) from = std::max(from, cursor_->start.ns);
  if (from >= day_start + kDayNs || to <= day_start) return {0, 0};
  const int64_t first = from <= day_start ? 0 : from - day_start;
  const int64_t end = to >= day_start + kDayNs ? kDayNs : to - day_start;
  return {static_cast<uint32_t>(first / kMinuteNs),
          static_cast<uint32_t>((end + kMinuteNs - 1) / kMinuteNs)};
}

base::Status SessionReader::ReadDay(const RocksDb::DayPointer& day) {
  const MinuteRange range = MinutesOf(*day);
  if (range.from >= range.to) return {};
  day_ = day;
  index_ = std::make_unique<IndexReader>(source_.db, source_.index_tail, day, source_.abandon);
  records_.reset(source_.db.db()->NewIterator({}, day->sessions->handle()));
  const auto lookups = PlanLookups(query_);
  return lookups.empty() ? ReadByTime(range) : ReadRange(range, lookups);
}

// Where only time leads, the cells of a whole day may be many, and a few minutes enough: those that
// come first, then twice as many, and so on.
base::Status SessionReader::ReadByTime(MinuteRange range) {
  for (uint32_t minutes = 1; range.from < range.to && !done(); minutes *= 2) {
    MinuteRange part = range;
    const uint32_t width = std::min(minutes, range.to - range.from);
    if (query_.newest_first) {
      range.to = part.from = range.to - width;
    } else {
      range.from = part.to = range.from + width;
    }
    if (auto read = ReadRange(part, {}); !read.ok()) return read;
  }
  return {};
}

base::Status SessionReader::ReadRange(MinuteRange range, const std::vector<Lookup>& lookups) {
  if (done()) return {};
  if (source_.abandon) return Abandoned();
  std::vector<Cell> cells;
  bool overflow = false;
  const Lookup first = lookups.empty() ? TimeLookup() : lookups.front();
  auto collected = index_->Collect(first, range, LimitsOf(first, range), cells, overflow);
  if (!collected.ok()) return collected;
  if (overflow) return ReadHalves(range, lookups);
  if (auto narrowed = Narrow(lookups, cells); !narrowed.ok()) return narrowed;
  return ReadCells(cells);
}

// A minute is not halved, so it may have any number of cells. Entries of names below a domain are
// not looked at for longer than the records of that time themselves would take.
IndexReader::Limits SessionReader::LimitsOf(const Lookup& lookup, MinuteRange range) const {
  const uint32_t minutes = range.to - range.from;
  if (!lookup.names_below) return {minutes == 1 ? SIZE_MAX : source_.cells_max, SIZE_MAX};
  const auto day = source_.state.days.find(day_->number);
  const uint64_t records = day == source_.state.days.end() ? 0 : day->second.records;
  return {source_.cells_max, std::max(source_.cells_max, records * minutes / kMinutesPerDay)};
}

// Too much at once. Names below a domain lie apart from each other, so that a shorter time saves no
// reading there: then time alone leads.
base::Status SessionReader::ReadHalves(MinuteRange range, const std::vector<Lookup>& lookups) {
  const bool below = !lookups.empty() && lookups.front().names_below.has_value();
  const auto& next = below ? std::vector<Lookup>() : lookups;
  if (range.to - range.from == 1) return ReadRange(range, next);
  const uint32_t middle = range.from + (range.to - range.from) / 2;
  const MinuteRange early{range.from, middle};
  const MinuteRange late{middle, range.to};
  if (auto read = ReadRange(query_.newest_first ? late : early, next); !read.ok()) return read;
  return ReadRange(query_.newest_first ? early : late, next);
}

// Leaves the cells that the other lookups have as well, where reading these indexes pays.
base::Status SessionReader::Narrow(const std::vector<Lookup>& lookups, std::vector<Cell>& cells) {
  for (size_t i = 1; i < lookups.size() && cells.size() > kNarrowAbove; i++) {
    const MinuteRange range{cells.front().minute, cells.back().minute + 1U};
    std::vector<Cell> others;
    bool overflow = false;
    const size_t entries_max = cells.size() * kNarrowFactor;
    auto collected =
        index_->Collect(lookups[i], range, {entries_max, entries_max}, others, overflow);
    if (!collected.ok()) return collected;
    if (overflow) continue;
    std::vector<Cell> both;
    std::set_intersection(cells.begin(), cells.end(), others.begin(), others.end(),
                          std::back_inserter(both));
    cells = std::move(both);
  }
  return {};
}

// Cells come sorted: those of a minute are read together.
base::Status SessionReader::ReadCells(const std::vector<Cell>& cells) {
  size_t begin = 0;
  size_t end = cells.size();
  while (begin < end && !done()) {
    const uint16_t minute = query_.newest_first ? cells[end - 1].minute : cells[begin].minute;
    const auto same = [&](size_t i) { return cells[i].minute == minute; };
    size_t first = query_.newest_first ? end : begin;
    size_t last = first;
    if (query_.newest_first) {
      while (first > begin && same(first - 1)) first--;
      end = first;
    } else {
      while (last < end && same(last)) last++;
      begin = last;
    }
    const std::span<const Cell> of_minute(cells.data() + first, last - first);
    auto read = ReadSlice(of_minute, {minute * kMinuteNs, (minute + 1) * kMinuteNs});
    if (!read.ok()) return read;
  }
  return {};
}

// Reads the part of the cells' minute that is in `slice`; in halves when it is too much to sort.
base::Status SessionReader::ReadSlice(std::span<const Cell> cells, Slice slice) {
  if (done()) return {};
  if (source_.abandon) return Abandoned();
  bool overflow = false;
  if (auto gathered = Gather(cells, slice, overflow); !gathered.ok()) return gathered;
  if (!overflow) return Emit();
  const int64_t middle = slice.from_ns + (slice.to_ns - slice.from_ns) / 2;
  const Slice early{slice.from_ns, middle};
  const Slice late{middle, slice.to_ns};
  if (auto read = ReadSlice(cells, query_.newest_first ? late : early); !read.ok()) return read;
  return ReadSlice(cells, query_.newest_first ? early : late);
}

base::Status SessionReader::Gather(std::span<const Cell> cells, Slice slice, bool& overflow) {
  matches_.clear();
  matches_bytes_ = 0;
  for (const Cell& cell : cells) {
    if (auto gathered = GatherCell(cell, slice, overflow); !gathered.ok()) return gathered;
    if (overflow) return {};
    KeepFirst(slice);
  }
  std::sort(matches_.begin(), matches_.end(),
            [](const Match& a, const Match& b) { return a.order < b.order; });
  if (query_.newest_first) std::reverse(matches_.begin(), matches_.end());
  return {};
}

base::Status SessionReader::GatherCell(const Cell& cell, Slice slice, bool& overflow) {
  const std::string prefix = RecordKeyPrefix(cell.inside_ip, slice.from_ns);
  const base::WallTime end{DayStart(day_->number).ns + slice.to_ns};
  const std::string floor = RecordKeyFloor(cell.inside_ip, slice.from_ns);
  for (records_->Seek(floor); records_->Valid(); records_->Next()) {
    if (!records_->key().starts_with(prefix)) break;
    const auto key = DecodeRecordKey(day_->number, records_->key().ToStringView());
    if (!key) return base::Error{"a key in the session store is damaged"};
    if (key->order.start >= end) break;
    if (!BeyondCursor(key->order)) continue;
    result_.examined++;
    const auto record = DecodeSession(*key, records_->value().ToStringView(), source_.sensors);
    if (!record.ok()) return record.error();
    if (!filter_.Matches(*record)) continue;
    matches_.push_back({key->order, *key, records_->value().ToString()});
    matches_bytes_ += sizeof(Match) + matches_.back().value.size();
    overflow = matches_bytes_ > kMatchesBytesMax && slice.to_ns - slice.from_ns > 1;
    if (overflow) return {};
  }
  if (records_->status().ok()) return {};
  return base::Error{"session store: cannot read: " + records_->status().ToString()};
}

// Who asks for a few sessions gets those that come first: the others are let go, and the cells that
// follow are read only as far as something in them may come before.
void SessionReader::KeepFirst(Slice& slice) {
  const uint64_t wanted = query_.limit - result_.visited;
  if (matches_.size() / 2 <= wanted) return;
  const auto last = matches_.begin() + static_cast<ptrdiff_t>(wanted - 1);
  std::nth_element(matches_.begin(), last, matches_.end(), [&](const Match& a, const Match& b) {
    return query_.newest_first ? b.order < a.order : a.order < b.order;
  });
  matches_.erase(last + 1, matches_.end());
  matches_bytes_ = 0;
  for (const Match& match : matches_) matches_bytes_ += sizeof(Match) + match.value.size();
  const int64_t last_ns = last->order.start.ns - DayStart(day_->number).ns;
  if (query_.newest_first) {
    slice.from_ns = std::max(slice.from_ns, last_ns);
  } else {
    slice.to_ns = std::min(slice.to_ns, last_ns + 1);
  }
}

bool SessionReader::BeyondCursor(const SessionOrder& order) const {
  if (!cursor_) return true;
  return query_.newest_first ? order < *cursor_ : order > *cursor_;
}

base::Status SessionReader::Emit() {
  for (const Match& match : matches_) {
    const auto record = DecodeSession(match.key, match.value, source_.sensors);
    if (!record.ok()) return record.error();
    result_.visited++;
    const bool more = visit_(*record);
    if (more && result_.visited < query_.limit) continue;
    stopped_ = true;
    result_.next_cursor = EncodeCursor(match.order);
    return {};
  }
  return {};
}

}  // namespace weir::control::audit
