#include "control/radius/radius_clients.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "control/accounts/csv.h"
#include "dataplane/base/secret_file.h"

namespace weir::control::radius {
namespace {

constexpr size_t kSecretBytesMin = 8;
constexpr size_t kSecretBytesMax = 128;
constexpr size_t kFileBytesMax = 16 << 20;
constexpr std::string_view kHeader = "expected the header nas,secret,name";

// What is wrong with the row; empty: nothing.
std::string Take(const accounts::CsvRow& row, RadiusClient& out) {
  if (!row.error.empty()) return row.error;
  if (row.fields.size() != 3) {
    return fmt::format("{} fields; expected nas,secret,name", row.fields.size());
  }
  const auto nas = base::IpPrefix::Parse(row.fields[0]);
  if (!nas.ok()) return fmt::format("nas '{}': {}", row.fields[0], nas.error().message);
  out = {*nas, row.fields[1], row.fields[2]};
  if (out.secret.size() < kSecretBytesMin || out.secret.size() > kSecretBytesMax) {
    return fmt::format("the secret has {} bytes; {} to {} would do", out.secret.size(),
                       kSecretBytesMin, kSecretBytesMax);
  }
  return "";
}

}  // namespace

base::Result<RadiusClients> RadiusClients::Parse(std::string_view text, std::string_view file) {
  RadiusClients clients;
  std::string faults;
  const auto add_fault = [&](size_t line, std::string_view fault) {
    faults += fmt::format("{}{}:{}: {}", faults.empty() ? "" : "\n", file, line, fault);
  };
  accounts::CsvReader reader(text);
  accounts::CsvRow row;
  const std::vector<std::string> header = {"nas", "secret", "name"};
  if (!reader.Next(row) || row.fields != header) {
    return base::Error{fmt::format("{}:1: {}", file, kHeader)};
  }
  while (reader.Next(row)) {
    RadiusClient client;
    if (const std::string fault = Take(row, client); !fault.empty()) {
      add_fault(row.line, fault);
      continue;
    }
    const bool again = std::ranges::any_of(
        clients.clients_, [&](const RadiusClient& other) { return other.nas == client.nas; });
    if (again) {
      add_fault(row.line, fmt::format("nas '{}' stands twice", client.nas.ToString()));
    } else {
      clients.clients_.push_back(std::move(client));
    }
  }
  if (!faults.empty()) return base::Error{faults};
  std::ranges::stable_sort(clients.clients_, std::greater<>(),
                           [](const RadiusClient& client) { return client.nas.length_bits(); });
  return clients;
}

base::Result<RadiusClients> RadiusClients::Load(const std::filesystem::path& file) {
  const auto text = base::ReadSecretFile(file, kFileBytesMax);
  if (!text.ok()) return text.error();
  return Parse(*text, file.string());
}

const RadiusClient* RadiusClients::Find(const base::IpAddress& sender) const {
  const auto found = std::ranges::find_if(
      clients_, [&](const RadiusClient& client) { return client.nas.Contains(sender); });
  return found == clients_.end() ? nullptr : &*found;
}

}  // namespace weir::control::radius
