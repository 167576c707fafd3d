#include "control/accounts/directory.h"

#include <fmt/format.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <fstream>
#include <iterator>
#include <sstream>
#include <utility>

namespace weir::control::accounts {
namespace {

// Far above what kRegistryRowsMax rows take; keeps a wrong path (a disk, a log) from being read in.
constexpr std::uintmax_t kFileBytesMax = 512ULL << 20;

base::Result<std::string> ReadFile(const std::filesystem::path& file) {
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
  if (!in || !text) {
    return base::Error{fmt::format("{}: {}", file.string(), std::strerror(errno))};
  }
  return std::move(text).str();
}

}  // namespace

Directory::Directory() : registry_(std::make_shared<const Registry>()) {}

base::Result<Registry> Directory::ReadRegistry(const std::filesystem::path& file) {
  const auto text = ReadFile(file);
  if (!text.ok()) return text.error();
  return Registry::Parse(*text, file.string());
}

base::Status Directory::LoadRegistry(const std::filesystem::path& file) {
  auto parsed = ReadRegistry(file);
  if (!parsed.ok()) return parsed.error();
  InstallRegistry(std::move(parsed).value());
  return {};
}

void Directory::InstallRegistry(Registry registry, base::WallTime since) {
  auto fresh = std::make_shared<const Registry>(std::move(registry));
  {
    const std::lock_guard lock(mutex_);
    registry_.swap(fresh);  // the old one is freed behind the lock, or by its last look-up
    since_ = since;
  }
  generation_.fetch_add(1, std::memory_order_release);
}

std::shared_ptr<const Registry> Directory::registry() const {
  const std::lock_guard lock(mutex_);
  return registry_;
}

std::shared_ptr<const Registry> Directory::RegistryAt(base::WallTime at) const {
  const std::lock_guard lock(mutex_);
  return past_ != nullptr && at < since_ ? nullptr : registry_;
}

std::optional<Binding> Directory::Lookup(const base::IpAddress& ip, const base::MacAddress& mac,
                                         base::WallTime at) const {
  if (logins_ != nullptr) {
    if (auto login = logins_->BindingAt(ip, at)) return login;
  }
  const auto snapshot = RegistryAt(at);
  if (snapshot == nullptr) return past_->BindingAt(ip, mac, at);
  const Binding* found = snapshot->FindIp(ip);
  if (found == nullptr) found = snapshot->FindMac(mac);
  if (found == nullptr) return std::nullopt;
  return *found;
}

std::vector<base::IpAddress> Directory::AddressesOf(std::string_view account,
                                                    base::WallTime at) const {
  const auto snapshot = RegistryAt(at);
  std::vector<base::IpAddress> addresses =
      snapshot == nullptr ? past_->AddressesOf(account, at) : snapshot->AddressesOf(account);
  if (logins_ == nullptr) return addresses;
  // An address of the registry may be somebody else's by a log-in.
  std::erase_if(addresses,
                [&](const base::IpAddress& ip) { return logins_->BindingAt(ip, at).has_value(); });
  const std::vector<base::IpAddress> logged_in = logins_->AddressesOf(account, at);
  addresses.insert(addresses.end(), logged_in.begin(), logged_in.end());
  std::sort(addresses.begin(), addresses.end());
  return addresses;
}

std::vector<Present> Directory::PresentBindings() const {
  std::vector<Present> registered = registry()->PresentBindings();
  if (logins_ == nullptr) return registered;
  const std::vector<Present> logged_in = logins_->PresentBindings();
  std::vector<Present> all;
  all.reserve(registered.size() + logged_in.size());
  // Of an address that both know the log-in counts: equal elements of the first range are taken.
  std::set_union(logged_in.begin(), logged_in.end(), registered.begin(), registered.end(),
                 std::back_inserter(all),
                 [](const Present& a, const Present& b) { return a.ip < b.ip; });
  return all;
}

size_t Directory::registry_rows() const { return registry()->rows(); }

}  // namespace weir::control::accounts
