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
constexpr size_t kColumnsMax = 4;
constexpr std::string_view kByteOrderMark = "\xef\xbb\xbf";
constexpr std::string_view kColumns = "nas,secret,name or nas,secret,name,framed_prefix";

// What is wrong with the row; empty: nothing.
std::string Take(const accounts::CsvRow& row, size_t columns, RadiusClient& out) {
  if (!row.error.empty()) return row.error;
  if (row.fields.size() != columns) {
    return fmt::format("{} fields; the header has {}", row.fields.size(), columns);
  }
  const auto nas = base::IpPrefix::Parse(row.fields[0]);
  if (!nas.ok()) return fmt::format("nas '{}': {}", row.fields[0], nas.error().message);
  out = {*nas, row.fields[1], row.fields[2], FramedPrefix::kShared};
  if (out.secret.size() < kSecretBytesMin || out.secret.size() > kSecretBytesMax) {
    return fmt::format("the secret has {} bytes; {} to {} would do", out.secret.size(),
                       kSecretBytesMin, kSecretBytesMax);
  }
  const std::string_view framed = columns == kColumnsMax ? row.fields[3] : std::string_view();
  if (framed == "own") out.framed_prefix = FramedPrefix::kOwn;
  if (framed != "own" && framed != "shared" && !framed.empty()) {
    return fmt::format("framed_prefix '{}': own or shared would do", framed);
  }
  return "";
}

}  // namespace

base::Result<RadiusClients> RadiusClients::Parse(std::string_view text, std::string_view file) {
  if (text.starts_with(kByteOrderMark)) text.remove_prefix(kByteOrderMark.size());
  RadiusClients clients;
  std::string faults;
  const auto add_fault = [&](size_t line, std::string_view fault) {
    faults += fmt::format("{}{}:{}: {}", faults.empty() ? "" : "\n", file, line, fault);
  };
  accounts::CsvReader reader(text);
  accounts::CsvRow row;
  const std::vector<std::string> header = {"nas", "secret", "name", "framed_prefix"};
  const bool has_header = reader.Next(row) && row.fields.size() >= kColumnsMax - 1 &&
                          row.fields.size() <= kColumnsMax &&
                          std::equal(row.fields.begin(), row.fields.end(), header.begin());
  if (!has_header) return base::Error{fmt::format("{}:1: expected the header {}", file, kColumns)};
  const size_t columns = row.fields.size();
  while (reader.Next(row)) {
    RadiusClient client;
    if (const std::string fault = Take(row, columns, client); !fault.empty()) {
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
