#include "control/audit/store_keys.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <chrono>

#include "control/audit/bytes.h"

namespace weir::control::audit {
namespace {

enum TermType : char {
  kSessionIdType = 2,
  kAccountType = 3,
  kPeerType = 4,
  kNameType = 5,
  kPortType = 6,
  kTimeType = 7,
};

constexpr size_t kOffsetBytes = 6;  // an hour in nanoseconds takes 42 bits

void PutOffset(std::string& out, int64_t ns_in_hour) {
  std::string bytes;
  PutBe(bytes, static_cast<uint64_t>(ns_in_hour));
  out.append(bytes, sizeof(uint64_t) - kOffsetBytes);
}

// Terms of variable length end in a zero byte, which never stands within one.
void PutTerminated(std::string& out, std::string_view text) {
  for (const char c : text) {
    if (c == '\0' || c == '\1') {
      out += '\1';
      out += c == '\0' ? '\1' : '\2';
    } else {
      out += c;
    }
  }
  out += '\0';
}

std::string ReverseLabels(std::string_view name) {
  std::string reversed;
  reversed.reserve(name.size());
  while (true) {
    const size_t dot = name.rfind('.');
    if (dot == std::string_view::npos) return reversed.append(name);
    reversed.append(name.substr(dot + 1)) += '.';
    name = name.substr(0, dot);
  }
}

std::string Typed(TermType type) { return std::string(1, type); }

int64_t OffsetInDay(base::WallTime time) {
  const int64_t rest = time.ns % kDayNs;
  return rest < 0 ? rest + kDayNs : rest;
}

}  // namespace

DayNumber DayOf(base::WallTime time) {
  const int64_t day = time.ns / kDayNs - (time.ns % kDayNs < 0 ? 1 : 0);
  return static_cast<DayNumber>(day);
}

// The first and the last day of all times are not whole: theirs wraps, and so does what is added.
base::WallTime DayStart(DayNumber day) {
  return {static_cast<int64_t>(static_cast<uint64_t>(day) * static_cast<uint64_t>(kDayNs))};
}

base::WallTime HourStart(base::WallTime time) {
  const int64_t rest = time.ns % kHourNs;
  const auto offset = static_cast<uint64_t>(rest < 0 ? rest + kHourNs : rest);
  return {static_cast<int64_t>(static_cast<uint64_t>(time.ns) - offset)};
}

std::string DayName(DayNumber day) {
  const std::chrono::year_month_day date{std::chrono::sys_days{std::chrono::days{day}}};
  return fmt::format("{:04}-{:02}-{:02}", static_cast<int>(date.year()),
                     static_cast<unsigned>(date.month()), static_cast<unsigned>(date.day()));
}

std::optional<DayNumber> ParseDayName(std::string_view name) {
  int year = 0;
  unsigned month = 0;
  unsigned day = 0;
  if (name.size() != 10 || name[4] != '-' || name[7] != '-') return std::nullopt;
  const auto number = [&](size_t at, size_t count, auto& value) {
    const char* end = name.data() + at + count;
    return std::from_chars(name.data() + at, end, value).ptr == end;
  };
  if (!number(0, 4, year) || !number(5, 2, month) || !number(8, 2, day)) return std::nullopt;
  const std::chrono::year_month_day date{std::chrono::year{year}, std::chrono::month{month},
                                         std::chrono::day{day}};
  if (!date.ok()) return std::nullopt;
  return std::chrono::sys_days{date}.time_since_epoch().count();
}

std::string RecordKeyPrefix(const base::IpAddress& inside_ip, int64_t offset_ns) {
  std::string key;
  key.reserve(40);
  key += static_cast<char>(offset_ns / kHourNs);
  PutIp(key, inside_ip);
  return key;
}

std::string RecordKeyFloor(const base::IpAddress& inside_ip, int64_t offset_ns) {
  std::string key = RecordKeyPrefix(inside_ip, offset_ns);
  PutOffset(key, offset_ns % kHourNs);
  return key;
}

std::string EncodeRecordKey(const RecordKey& key) {
  const int64_t offset_ns = OffsetInDay(key.order.start);
  std::string bytes = RecordKeyFloor(key.inside_ip, offset_ns);
  PutBe(bytes, key.order.session_id);
  PutVarint(bytes, key.order.part);
  return bytes;
}

std::optional<RecordKey> DecodeRecordKey(DayNumber day, std::string_view bytes) {
  base::Cursor in(AsBytes(bytes));
  RecordKey key;
  const int64_t hour = in.U8();
  key.inside_ip = GetIp(in);
  const int64_t high = in.U16();
  const int64_t offset = (high << 32) | in.U32();
  key.order.start.ns = static_cast<int64_t>(static_cast<uint64_t>(DayStart(day).ns) +
                                            static_cast<uint64_t>(hour * kHourNs + offset));
  key.order.session_id = in.U64();
  key.order.part = static_cast<uint32_t>(GetVarint(in));
  if (!in.ok() || !in.empty() || hour > 23 || offset >= kHourNs) return std::nullopt;
  return key;
}

Cell CellOf(const RecordKey& key) {
  const int64_t offset_ns = OffsetInDay(key.order.start);
  return {static_cast<uint16_t>(offset_ns / kMinuteNs), key.inside_ip};
}

std::string TimeTerm() { return Typed(kTimeType); }

std::string SessionIdTerm(uint64_t session_id) {
  std::string term = Typed(kSessionIdType);
  PutBe(term, session_id);
  return term;
}

std::string AccountTerm(std::string_view account) {
  std::string term = Typed(kAccountType);
  PutTerminated(term, account);
  return term;
}

std::string PeerTerm(const base::IpAddress& ip) {
  std::string term = Typed(kPeerType);
  PutIp(term, ip);
  return term;
}

std::string PortTerm(uint16_t port) {
  std::string term = Typed(kPortType);
  PutBe(term, port);
  return term;
}

std::string NameTerm(std::string_view name) {
  std::string term = Typed(kNameType);
  PutTerminated(term, ReverseLabels(LowerCase(name)));
  return term;
}

std::string NamesBelowPrefix(std::string_view domain) {
  std::string prefix = NameTerm(domain);
  prefix.back() = '.';
  return prefix;
}

std::string IndexFloor(std::string_view term, uint32_t minute) {
  std::string key(term);
  PutBe(key, static_cast<uint16_t>(minute));
  return key;
}

std::string IndexKey(std::string_view term, const Cell& cell) {
  std::string key(term);
  AppendCell(key, cell);
  return key;
}

void AppendCell(std::string& term, const Cell& cell) {
  PutBe(term, cell.minute);
  PutIp(term, cell.inside_ip);
}

std::optional<Cell> DecodeIndexCell(std::string_view key, size_t term_bytes) {
  base::Cursor in(AsBytes(key));
  in.Skip(term_bytes);
  Cell cell;
  cell.minute = in.U16();
  cell.inside_ip = GetIp(in);
  if (!in.ok() || !in.empty() || cell.minute >= kMinutesPerDay) return std::nullopt;
  return cell;
}

size_t NameTermBytes(std::string_view key) {
  const size_t end = key.find('\0');
  return end == std::string_view::npos ? 0 : end + 1;
}

size_t TermBytes(std::string_view key) {
  if (key.empty()) return 0;
  switch (key[0]) {
    case kSessionIdType:
      return 1 + sizeof(uint64_t);
    case kAccountType:
    case kNameType:
      return NameTermBytes(key);  // both end in a zero byte
    case kPeerType:
      return key.size() > 1 && key[1] == 4 ? 1 + 1 + 4 : 1 + 1 + 16;
    case kPortType:
      return 1 + sizeof(uint16_t);
    case kTimeType:
      return 1;
    default:
      return 0;
  }
}

std::string_view TermKind(std::string_view key) {
  switch (key.empty() ? 0 : key[0]) {
    case kSessionIdType:
      return "number";
    case kAccountType:
      return "account";
    case kPeerType:
      return "outside address";
    case kNameType:
      return "name";
    case kPortType:
      return "port";
    case kTimeType:
      return "time";
    default:
      return "";
  }
}

bool HasPorts(uint8_t ip_protocol) {
  constexpr uint8_t kTcp = 6;
  constexpr uint8_t kUdp = 17;
  constexpr uint8_t kSctp = 132;
  return ip_protocol == kTcp || ip_protocol == kUdp || ip_protocol == kSctp;
}

std::string LowerCase(std::string_view text) {
  std::string lower(text);
  for (char& c : lower) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  }
  return lower;
}

}  // namespace weir::control::audit
