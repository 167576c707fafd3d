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

// All of both, by address; of an address in both the first counts: set_union() takes equal elements
// of the first range.
std::vector<Present> Merged(const std::vector<Present>& first, const std::vector<Present>& second) {
  std::vector<Present> all;
  all.reserve(first.size() + second.size());
  std::set_union(first.begin(), first.end(), second.begin(), second.end(), std::back_inserter(all),
                 [](const Present& a, const Present& b) { return a.ip < b.ip; });
  return all;
}

}  // namespace

void TakeLease(const Lease& lease, Binding& binding) {
  binding.source = BindingSource::kDhcp;
  binding.confidence = Confidence::kDerived;
  binding.login_time = lease.since;
  const bool is_over = !lease.cause.empty();
  if (is_over && (!binding.until || lease.until < *binding.until)) {
    binding.until = lease.until;
    binding.cause = lease.cause;
  }
}

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

class Directory::RegistryThen {
 public:
  // Of `now` null, the past's at `at`.
  RegistryThen(std::shared_ptr<const Registry> now, const RegistryPast* past, base::WallTime at)
      : now_(std::move(now)), past_(past), at_(at) {}

  // The registry has addresses only.
  std::optional<Binding> FindIp(const base::IpPrefix& ip) const {
    if (!ip.is_one_address()) return std::nullopt;
    const base::IpAddress& address = ip.address();
    return now_ == nullptr ? past_->BindingAt(address, {}, at_) : Copy(now_->FindIp(address));
  }
  std::optional<Binding> FindMac(const base::MacAddress& mac) const {
    return now_ == nullptr ? past_->BindingAt({}, mac, at_) : Copy(now_->FindMac(mac));
  }
  std::vector<base::IpAddress> AddressesOf(std::string_view account) const {
    return now_ == nullptr ? past_->AddressesOf(account, at_) : now_->AddressesOf(account);
  }
  std::vector<base::MacAddress> MacsOf(std::string_view account) const {
    return now_ == nullptr ? past_->MacsOf(account, at_) : now_->MacsOf(account);
  }

 private:
  static std::optional<Binding> Copy(const Binding* found) {
    return found == nullptr ? std::nullopt : std::optional(*found);
  }

  const std::shared_ptr<const Registry> now_;
  const RegistryPast* const past_;
  const base::WallTime at_;
};

Directory::RegistryThen Directory::RegistryAt(base::WallTime at) const {
  const std::lock_guard lock(mutex_);
  return {past_ != nullptr && at < since_ ? nullptr : registry_, past_, at};
}

std::optional<Binding> Directory::Lookup(const base::IpPrefix& ip, const base::MacAddress& mac,
                                         base::WallTime at) const {
  auto login = logins_ == nullptr ? std::nullopt : logins_->BindingAt(ip, at);
  if (login && login->ip == ip) return std::move(login->binding);
  const RegistryThen registry = RegistryAt(at);
  if (auto found = registry.FindIp(ip)) return found;
  auto leased = LeaseBinding(registry, ip, at);
  if (leased && login && leased->ip.length_bits() <= login->ip.length_bits()) leased.reset();
  if (leased) return std::move(leased->binding);
  if (login) return std::move(login->binding);
  return registry.FindMac(mac);
}

std::optional<Lease> Directory::LeaseAt(const base::IpPrefix& ip, base::WallTime at) const {
  return leases_ == nullptr ? std::nullopt : leases_->LeaseAt(ip, at);
}

std::vector<base::IpPrefix> Directory::LeasedTo(const base::MacAddress& mac,
                                                base::WallTime at) const {
  if (leases_ == nullptr || mac.is_zero()) return {};
  return leases_->AddressesOf(mac, at);
}

std::vector<base::IpPrefix> Directory::LoggedInBy(const base::MacAddress& mac,
                                                  base::WallTime at) const {
  if (logins_ == nullptr || mac.is_zero()) return {};
  return logins_->AddressesOf(mac, at);
}

std::optional<Binding> Directory::OwnerOf(const base::MacAddress& mac, base::WallTime at) const {
  return RegistryAt(at).FindMac(mac);
}

std::optional<Bound> Directory::LeaseBinding(const RegistryThen& registry, const base::IpPrefix& ip,
                                             base::WallTime at) const {
  const auto lease = LeaseAt(ip, at);
  auto owner = lease ? registry.FindMac(lease->mac) : std::nullopt;
  if (!owner) return std::nullopt;
  TakeLease(*lease, *owner);
  return Bound{lease->ip, std::move(*owner)};
}

std::vector<base::IpPrefix> Directory::AddressesOf(std::string_view account,
                                                   base::WallTime at) const {
  const RegistryThen registry = RegistryAt(at);
  const std::vector<base::IpAddress> registered = registry.AddressesOf(account);
  std::vector<base::IpPrefix> addresses(registered.begin(), registered.end());
  if (leases_ != nullptr) {
    for (const base::MacAddress& mac : registry.MacsOf(account)) {
      for (const base::IpPrefix& ip : leases_->AddressesOf(mac, at)) {
        if (!registry.FindIp(ip)) addresses.push_back(ip);
      }
    }
  }
  if (logins_ != nullptr) {
    // An address of the registry or of a lease may be somebody else's by a log-in.
    std::erase_if(addresses, [&](const base::IpPrefix& ip) {
      const auto login = logins_->BindingAt(ip, at);
      return login && login->ip == ip;
    });
    const std::vector<base::IpPrefix> logged_in = logins_->AddressesOf(account, at);
    addresses.insert(addresses.end(), logged_in.begin(), logged_in.end());
  }
  std::sort(addresses.begin(), addresses.end());
  addresses.erase(std::unique(addresses.begin(), addresses.end()), addresses.end());
  return addresses;
}

// Those of leases, in order, whose addresses are nobody's in `present`.
void Directory::AddLeased(const Registry& registry, std::vector<Present>& present) const {
  if (leases_ == nullptr) return;
  std::vector<Present> leased;
  for (const auto& [ip, mac] : leases_->PresentLeases()) {
    const Binding* const owner = registry.FindMac(mac);
    if (owner != nullptr) leased.push_back({ip, owner->account});
  }
  present = Merged(present, leased);
}

std::vector<Present> Directory::PresentBindings() const {
  const auto snapshot = registry();
  std::vector<Present> present = snapshot->PresentBindings();
  AddLeased(*snapshot, present);
  return logins_ == nullptr ? present : Merged(logins_->PresentBindings(), present);
}

size_t Directory::registry_rows() const { return registry()->rows(); }

}  // namespace weir::control::accounts
