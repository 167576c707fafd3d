#include "control/portal/portal_patterns.h"

#include <fmt/format.h>
#include <re2/re2.h>

#include <algorithm>
#include <charconv>
#include <chrono>
#include <ctime>
#include <fstream>
#include <sstream>
#include <utility>

// As in dataplane/base/config_value.h: the two ways of toml++ must not meet in one program.
#define TOML_EXCEPTIONS 0
#include <toml++/toml.h>

#include "control/accounts/utf8.h"
#include "dataplane/base/host_address.h"

namespace weir::control::portal {
namespace {

using radius::AccountingStatus;

constexpr int64_t kRegexBytesMax = 1 << 20;  // compiled
constexpr std::uintmax_t kFileBytesMax = 1 << 20;
constexpr std::array<std::string_view, 6> kGroupNames = {"account", "ip",      "mac",
                                                         "port",    "session", "time"};
constexpr size_t kGroupsMax = 32;  // of one expression, unnamed ones among them
constexpr int64_t kMillisecondsFrom = 100'000'000'000;  // seconds reach it in the year 5138

bool IsText(std::string_view text) {
  return text.size() <= kFieldBytesMax && std::none_of(text.begin(), text.end(), [](char c) {
           const auto byte = static_cast<unsigned char>(c);
           return byte < 0x20 || byte == 0x7f;
         });
}

std::optional<base::WallTime> ReadNumber(std::string_view text) {
  int64_t number = 0;
  const auto parsed = std::from_chars(text.data(), text.data() + text.size(), number);
  if (parsed.ec != std::errc() || parsed.ptr != text.data() + text.size() || number < 0) {
    return std::nullopt;
  }
  const bool milliseconds = number >= kMillisecondsFrom;
  const int64_t unit_ns = milliseconds ? base::kNsPerMs : base::kNsPerSecond;
  if (number > INT64_MAX / unit_ns) return std::nullopt;
  return base::WallTime{number * unit_ns};
}

// "2026-11-30 18:05:09"
std::optional<base::WallTime> ReadLocalTime(std::string_view text) {
  constexpr std::string_view kForm = "0000-00-00 00:00:00";
  if (text.size() != kForm.size()) return std::nullopt;
  for (size_t i = 0; i < kForm.size(); ++i) {
    const bool good = kForm[i] == '0'   ? text[i] >= '0' && text[i] <= '9'
                      : kForm[i] == '-' ? text[i] == '-' || text[i] == '/'
                      : kForm[i] == ' ' ? text[i] == ' ' || text[i] == 'T'
                                        : text[i] == ':';
    if (!good) return std::nullopt;
  }
  const auto number = [&text](size_t at, size_t digits) {
    int value = 0;
    std::from_chars(text.data() + at, text.data() + at + digits, value);
    return value;
  };
  std::tm local{};
  local.tm_year = number(0, 4) - 1900;
  local.tm_mon = number(5, 2) - 1;
  local.tm_mday = number(8, 2);
  local.tm_hour = number(11, 2);
  local.tm_min = number(14, 2);
  local.tm_sec = number(17, 2);
  local.tm_isdst = -1;
  const std::tm wanted = local;
  const std::time_t seconds = std::mktime(&local);  // makes 1 March of 29 February
  const bool same = local.tm_mon == wanted.tm_mon && local.tm_mday == wanted.tm_mday;
  if (seconds < 0 || seconds > INT64_MAX / base::kNsPerSecond || !same) return std::nullopt;
  return base::WallTime{int64_t{seconds} * base::kNsPerSecond};
}

base::Error At(std::string_view file, const toml::source_position& where, std::string_view what) {
  return {fmt::format("{}:{}:{}: {}", file, where.line, where.column, what)};
}

}  // namespace

std::string_view LineFaultName(LineFault fault) {
  constexpr std::array<std::string_view, kLineFaults> kNames = {
      "", "not_utf8", "no_pattern", "bad_account", "bad_address", "bad_session"};
  return kNames[static_cast<size_t>(fault)];
}

std::optional<base::WallTime> ReadPortalTime(std::string_view text) {
  if (const auto number = ReadNumber(text)) return number;
  if (const auto local = ReadLocalTime(text)) return local;
  const auto rfc3339 = base::ParseRfc3339(text);
  return rfc3339 ? std::optional(*rfc3339) : std::nullopt;
}

PortalPatterns::PortalPatterns() = default;
PortalPatterns::PortalPatterns(PortalPatterns&&) noexcept = default;
PortalPatterns& PortalPatterns::operator=(PortalPatterns&&) noexcept = default;
PortalPatterns::~PortalPatterns() = default;

// One pass over a file's tables.
class PortalPatterns::Reader {
 public:
  explicit Reader(std::string_view file) : file_(file) {}

  base::Result<PortalPatterns> Read(const toml::table& root) {
    for (const auto& [key, node] : root) {
      if (key.str() != "pattern") {
        return At(file_, key.source().begin,
                  fmt::format("unknown key '{}'; the file has [[pattern]] tables", key.str()));
      }
    }
    const toml::array* tables = root["pattern"].as_array();
    if (tables == nullptr || tables->empty()) {
      return base::Error{fmt::format("{}:1:1: no [[pattern]] in it", file_)};
    }
    PortalPatterns patterns;
    for (const toml::node& node : *tables) {
      const toml::table* table = node.as_table();
      if (table == nullptr) return At(file_, node.source().begin, "expected a [[pattern]] table");
      if (patterns.patterns_.size() == kPatternsMax) {
        return At(file_, node.source().begin, fmt::format("more than {} patterns", kPatternsMax));
      }
      auto pattern = ReadOne(*table);
      if (!pattern) return pattern.error();
      patterns.patterns_.push_back(std::move(*pattern));
    }
    return patterns;
  }

 private:
  base::Result<Pattern> ReadOne(const toml::table& table) {
    for (const auto& [key, node] : table) {
      if (key.str() != "kind" && key.str() != "regex") {
        return At(file_, key.source().begin,
                  fmt::format("unknown key '{}'; a pattern has kind and regex", key.str()));
      }
    }
    Pattern pattern;
    const auto kind = table["kind"].value_exact<std::string>();
    if (kind == "login") pattern.status = AccountingStatus::kStart;
    if (kind == "logout") pattern.status = AccountingStatus::kStop;
    if (kind == "interim") pattern.status = AccountingStatus::kInterim;
    if (pattern.status == AccountingStatus::kOther) {
      const toml::node* node = table["kind"].node();
      return At(file_, node == nullptr ? table.source().begin : node->source().begin,
                "kind: expected \"login\", \"logout\" or \"interim\"");
    }
    const toml::node* node = table["regex"].node();
    const auto text = table["regex"].value_exact<std::string>();
    if (!text) {
      return At(file_, node == nullptr ? table.source().begin : node->source().begin,
                "regex: expected an expression in quotes");
    }
    if (auto compiled = Compile(*text, pattern); !compiled) {
      return At(file_, node->source().begin, "regex: " + compiled.error().message);
    }
    if (auto fits = CheckGroups(pattern); !fits) {
      return At(file_, node->source().begin, "regex: " + fits.error().message);
    }
    return pattern;
  }

  static base::Status Compile(const std::string& text, Pattern& pattern) {
    re2::RE2::Options options;
    options.set_log_errors(false);
    options.set_max_mem(kRegexBytesMax);
    pattern.regex = std::make_unique<re2::RE2>(text, options);
    if (!pattern.regex->ok()) return base::Error{pattern.regex->error()};
    if (pattern.regex->NumberOfCapturingGroups() > static_cast<int>(kGroupsMax)) {
      return base::Error{fmt::format("more than {} groups; (?:…) makes none", kGroupsMax)};
    }
    for (const auto& [name, index] : pattern.regex->NamedCapturingGroups()) {
      const auto known = std::find(kGroupNames.begin(), kGroupNames.end(), name);
      if (known == kGroupNames.end()) {
        return base::Error{fmt::format(
            "unknown group '{}'; there are account, ip, mac, port, session, time", name)};
      }
      pattern.groups[static_cast<size_t>(known - kGroupNames.begin())] = index;
    }
    return {};
  }

  // A log-out must find what the log-in began: both name the session, or both the address.
  base::Status CheckGroups(const Pattern& pattern) {
    const bool has_session = pattern.groups[kSession] != 0;
    const bool is_logout = pattern.status == AccountingStatus::kStop;
    if (!is_logout && pattern.groups[kAccount] == 0) {
      return base::Error{"needs the group account: (?P<account>…)"};
    }
    if (pattern.groups[kIp] == 0 && !(is_logout && has_session)) {
      return base::Error{is_logout ? "needs the group ip or session: (?P<ip>…)"
                                   : "needs the group ip: (?P<ip>…)"};
    }
    if (sessions_ && *sessions_ != has_session) {
      return base::Error{
          "either all patterns have the group session or none: a log-out is matched to its log-in "
          "by it, or else by the address"};
    }
    sessions_ = has_session;
    return {};
  }

  const std::string_view file_;
  std::optional<bool> sessions_;  // whether the patterns so far have that group
};

base::Result<PortalPatterns> PortalPatterns::Parse(std::string_view text, std::string_view file) {
  const toml::parse_result parsed = toml::parse(text, file);
  if (!parsed) {
    return At(file, parsed.error().source().begin, parsed.error().description());
  }
  return Reader(file).Read(parsed.table());
}

base::Result<PortalPatterns> PortalPatterns::Load(const std::filesystem::path& file) {
  std::error_code failure;
  const auto bytes = std::filesystem::file_size(file, failure);
  if (failure) return base::Error{fmt::format("{}: {}", file.string(), failure.message())};
  if (bytes > kFileBytesMax) {
    return base::Error{
        fmt::format("{}: {} bytes, at most {}", file.string(), bytes, kFileBytesMax)};
  }
  std::ifstream in(file, std::ios::binary);
  std::ostringstream text;
  if (bytes > 0) text << in.rdbuf();
  if (!in || !text) return base::Error{fmt::format("{}: cannot be read", file.string())};
  return Parse(std::move(text).str(), file.string());
}

bool PortalPatterns::Find(const Pattern& pattern, std::string_view text, Fields& fields) {
  std::array<re2::StringPiece, kGroupsMax + 1> found;
  const int count = pattern.regex->NumberOfCapturingGroups() + 1;
  if (!pattern.regex->Match({text.data(), text.size()}, 0, text.size(), re2::RE2::UNANCHORED,
                            found.data(), count)) {
    return false;
  }
  for (size_t i = 0; i < kGroups; ++i) {
    const auto group = static_cast<size_t>(pattern.groups[i]);
    if (group != 0) fields[i] = {found[group].data(), found[group].size()};
  }
  return true;
}

void PortalPatterns::Take(const Fields& fields, Outcome& outcome) {
  radius::AccountingEvent& event = outcome.event;
  const bool has_account = !fields[kAccount].empty();
  const bool needs_account = event.status != AccountingStatus::kStop;
  if (!IsText(fields[kAccount]) || (needs_account && !has_account)) {
    outcome.fault = LineFault::kBadAccount;
    return;
  }
  event.account = fields[kAccount];
  const bool needs_address = needs_account || fields[kSession].empty();
  if (!fields[kIp].empty() || needs_address) {
    const auto ip = base::IpAddress::Parse(fields[kIp]);
    if (!ip || !base::MayBeSomebodys(*ip)) {
      outcome.fault = LineFault::kBadAddress;
      return;
    }
    event.addresses.push_back(*ip);
  }
  if (!IsText(fields[kSession]) || !IsText(fields[kPort])) {
    outcome.fault = LineFault::kBadSession;
    return;
  }
  event.session = fields[kSession].empty() ? event.addresses[0].ToString() : fields[kSession];
  event.port = fields[kPort];
  event.mac = radius::StationMac(fields[kMac]);
  outcome.bad_mac = !fields[kMac].empty() && event.mac.is_zero();
}

PortalPatterns::Outcome PortalPatterns::Match(const SyslogLine& line, const base::IpAddress& sender,
                                              base::WallTime arrival) const {
  Outcome outcome;
  if (!accounts::IsUtf8(line.text)) {
    outcome.fault = LineFault::kNotUtf8;
    return outcome;
  }
  Fields fields{};
  const auto pattern = std::find_if(patterns_.begin(), patterns_.end(), [&](const Pattern& one) {
    return Find(one, line.text, fields);
  });
  if (pattern == patterns_.end()) {
    outcome.fault = LineFault::kNoPattern;
    return outcome;
  }
  radius::AccountingEvent& event = outcome.event;
  event.source = accounts::BindingSource::kPortal;
  event.status = pattern->status;
  event.nas = sender.ToString();
  event.nas_name = accounts::IsUtf8(line.host) && !line.host.empty() && IsText(line.host)
                       ? std::string(line.host)
                       : sender.ToString();
  Take(fields, outcome);
  auto told = line.time;
  if (!fields[kTime].empty()) {
    const auto own = ReadPortalTime(fields[kTime]);
    outcome.bad_time = !own;
    if (own) told = own;
  }
  event.time = event.login = told ? radius::PlausibleTime(*told, arrival) : arrival;
  event.time_is_told = told && event.time == *told;
  event.heard = arrival;
  return outcome;
}

}  // namespace weir::control::portal
