#include "control/accounts/registry.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <span>
#include <tuple>
#include <utility>

#include "control/accounts/csv.h"
#include "control/accounts/utf8.h"

namespace weir::control::accounts {
namespace {

constexpr size_t kErrorsShownMax = 20;
constexpr size_t kColumns = 6;
constexpr std::string_view kHeader = "account,ip,mac,group,room,seat";
constexpr std::string_view kByteOrderMark = "\xef\xbb\xbf";

enum Column : size_t { kAccount, kIp, kMac, kGroup, kRoom, kSeat };
constexpr std::array<std::string_view, kColumns> kColumnNames = {"account", "ip",   "mac",
                                                                 "group",   "room", "seat"};

std::string_view Trim(std::string_view text) {
  const size_t begin = text.find_first_not_of(" \t");
  if (begin == std::string_view::npos) return {};
  return text.substr(begin, text.find_last_not_of(" \t") - begin + 1);
}

bool HasControlCharacter(std::string_view text) {
  return std::any_of(text.begin(), text.end(), [](char c) {
    const auto byte = static_cast<unsigned char>(c);
    return byte < 0x20 || byte == 0x7f;
  });
}

// FNV-1a: the registry is the operator's own file, nobody else chooses its keys.
size_t Hash(std::span<const uint8_t> bytes) {
  uint64_t hash = 0xcbf29ce484222325;
  for (const uint8_t byte : bytes) hash = (hash ^ byte) * 0x100000001b3;
  return hash;
}

}  // namespace

size_t Registry::AddressHash::operator()(const base::IpAddress& ip) const {
  return Hash(ip.bytes());
}

bool RegistryRow::operator<(const RegistryRow& other) const {
  const auto fields = [](const RegistryRow& row) {
    const Binding& is = row.binding;
    return std::tie(row.ip, row.mac, is.account, is.group, is.room, is.seat);
  };
  return fields(*this) < fields(other);
}

size_t Registry::AddressHash::operator()(const base::MacAddress& mac) const {
  return Hash(mac.bytes);
}

// Builds a registry row by row, and goes on behind a bad row so that one run shows every error.
class RegistryParser {
 public:
  RegistryParser(std::string_view text, std::string_view file) : reader_(text), file_(file) {}

  base::Result<Registry> Parse() {
    CsvRow row;
    if (!reader_.Next(row)) {
      Fail(1, fmt::format("the file is empty: its first line must be {}", kHeader));
    } else if (CheckHeader(row)) {
      while (reader_.Next(row)) TakeRow(row);
    }
    if (errors_ > 0) return Report();
    return std::move(registry_);
  }

 private:
  void Fail(size_t line, std::string_view what) {
    if (errors_++ >= kErrorsShownMax) return;
    if (!report_.empty()) report_ += '\n';
    report_ += fmt::format("{}:{}: {}", file_, line, what);
  }

  base::Error Report() {
    if (errors_ > kErrorsShownMax) {
      report_ += fmt::format("\n{}: and {} more bad lines", file_, errors_ - kErrorsShownMax);
    }
    return base::Error{report_};
  }

  bool CheckHeader(const CsvRow& row) {
    bool good = row.error.empty() && row.fields.size() == kColumns;
    for (size_t i = 0; good && i < kColumns; i++) good = Trim(row.fields[i]) == kColumnNames[i];
    if (!good) Fail(row.line, fmt::format("the first line must be {}", kHeader));
    return good;
  }

  void TakeRow(const CsvRow& row) {
    const size_t errors_before = errors_;
    if (!row.error.empty()) {
      Fail(row.line, row.error);
      return;
    }
    if (row.fields.size() != kColumns) {
      Fail(row.line,
           fmt::format("{} fields, expected {} ({})", row.fields.size(), kColumns, kHeader));
      return;
    }
    std::array<std::string_view, kColumns> fields;
    for (size_t i = 0; i < kColumns; i++) fields[i] = CheckField(row, i);
    if (registry_.rows_.size() == kRegistryRowsMax) {
      Fail(row.line, fmt::format("more than {} rows", kRegistryRowsMax));
      return;
    }
    if (fields[kAccount].empty()) Fail(row.line, "no account");
    if (fields[kIp].empty() && fields[kMac].empty()) {
      Fail(row.line, "neither ip nor mac: a row needs one of them");
    }
    AddRow(row.line, fields, errors_ == errors_before);
  }

  std::string_view CheckField(const CsvRow& row, size_t column) {
    const std::string_view field = Trim(row.fields[column]);
    if (field.size() > kRegistryFieldBytesMax) {
      Fail(row.line, fmt::format("{} of {} bytes, at most {}", kColumnNames[column], field.size(),
                                 kRegistryFieldBytesMax));
    } else if (!IsUtf8(field)) {
      Fail(row.line, fmt::format("{} is not UTF-8: save the file as UTF-8", kColumnNames[column]));
    } else if (HasControlCharacter(field)) {
      Fail(row.line, fmt::format("{} holds a control character", kColumnNames[column]));
    }
    return field;
  }

  // A row that is bad already still has its addresses checked, but claims nothing.
  void AddRow(size_t line, const std::array<std::string_view, kColumns>& fields, bool good) {
    base::IpAddress ip;
    base::MacAddress mac;
    if (!fields[kIp].empty()) good &= ParseIp(line, fields[kIp], ip);
    if (!fields[kMac].empty()) good &= ParseMac(line, fields[kMac], mac);
    if (!good) return;

    const auto index = static_cast<uint32_t>(registry_.rows_.size());
    registry_.rows_.push_back({ip, mac,
                               Binding{.account = std::string(fields[kAccount]),
                                       .group = std::string(fields[kGroup]),
                                       .room = std::string(fields[kRoom]),
                                       .seat = std::string(fields[kSeat]),
                                       .source = BindingSource::kRegistry,
                                       .login_time = std::nullopt}});
    lines_.push_back(line);
    if (!fields[kIp].empty() && Claim(registry_.by_ip_, ip, index)) {
      registry_.by_account_[std::string(fields[kAccount])].push_back(ip);
    }
    if (!fields[kMac].empty() && Claim(registry_.by_mac_, mac, index)) {
      registry_.macs_of_[std::string(fields[kAccount])].push_back(mac);
    }
  }

  bool ParseIp(size_t line, std::string_view text, base::IpAddress& ip) {
    const auto parsed = base::IpAddress::Parse(text);
    if (!parsed.ok()) {
      Fail(line,
           fmt::format("ip '{}': expected one address, such as 10.0.0.7 or 2001:db8::7", text));
      return false;
    }
    ip = *parsed;
    const bool any = ip.is_unspecified() || text == "0.0.0.0";
    if (any) Fail(line, fmt::format("ip '{}' is no host's address", text));
    return !any;
  }

  bool ParseMac(size_t line, std::string_view text, base::MacAddress& mac) {
    const auto parsed = base::MacAddress::Parse(text);
    if (!parsed.ok() || parsed->is_zero()) {
      Fail(line, fmt::format("mac '{}': expected an address such as 02:00:5e:10:00:01", text));
      return false;
    }
    mac = *parsed;
    return true;
  }

  // True when the address was nobody's. The same account may name an address in several rows as
  // long as they agree about the place.
  template <typename Map, typename Address>
  bool Claim(Map& map, const Address& address, uint32_t index) {
    const auto [found, fresh] = map.try_emplace(address, index);
    if (fresh) return true;
    const Binding& first = registry_.rows_[found->second].binding;
    const Binding& second = registry_.rows_[index].binding;
    const size_t first_line = lines_[found->second];
    if (first.account != second.account) {
      Fail(lines_[index],
           fmt::format("{} belongs to account '{}' by line {}, here to '{}'", address.ToString(),
                       first.account, first_line, second.account));
    } else if (first != second) {
      Fail(lines_[index], fmt::format("{} has another group, room or seat on line {}",
                                      address.ToString(), first_line));
    }
    return false;
  }

  CsvReader reader_;
  std::string_view file_;
  Registry registry_;
  std::vector<size_t> lines_;  // of each row in registry_
  size_t errors_ = 0;
  std::string report_;
};

base::Result<Registry> Registry::Parse(std::string_view text, std::string_view file) {
  if (text.starts_with(kByteOrderMark)) text.remove_prefix(kByteOrderMark.size());
  return RegistryParser(text, file).Parse();
}

const Binding* Registry::FindIp(const base::IpAddress& ip) const {
  const auto found = by_ip_.find(ip);
  return found == by_ip_.end() ? nullptr : &rows_[found->second].binding;
}

const Binding* Registry::FindMac(const base::MacAddress& mac) const {
  if (mac.is_zero()) return nullptr;
  const auto found = by_mac_.find(mac);
  return found == by_mac_.end() ? nullptr : &rows_[found->second].binding;
}

std::vector<Present> Registry::PresentBindings() const {
  std::vector<Present> present;
  present.reserve(by_ip_.size());
  for (const auto& [ip, row] : by_ip_) present.push_back({ip, rows_[row].binding.account});
  std::ranges::sort(present, {}, &Present::ip);
  return present;
}

std::vector<base::IpAddress> Registry::AddressesOf(std::string_view account) const {
  const auto found = by_account_.find(account);
  if (found == by_account_.end()) return {};
  auto addresses = found->second;
  std::sort(addresses.begin(), addresses.end());
  return addresses;
}

std::vector<base::MacAddress> Registry::MacsOf(std::string_view account) const {
  const auto found = macs_of_.find(account);
  return found == macs_of_.end() ? std::vector<base::MacAddress>() : found->second;
}

}  // namespace weir::control::accounts
