// The network access servers that may send accounting, and their secrets: a CSV file.
//
// Columns nas,secret,name; the header row is required. `nas` is an address or a prefix; of several
// that hold a sender the longest counts. A secret has 8 to 128 bytes.
//
// Immutable once parsed; any thread.
#pragma once

#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "dataplane/base/ip_address.h"
#include "dataplane/base/result.h"

namespace weir::control::radius {

struct RadiusClient {
  base::IpPrefix nas;
  std::string secret;
  std::string name;  // for people; may be empty
};

class RadiusClients {
 public:
  RadiusClients() = default;  // nobody

  // Fails when any line is bad, with a line "<file>:<line>: …" for each. A secret is never shown.
  static base::Result<RadiusClients> Parse(std::string_view text, std::string_view file);
  // The same for a file, which nobody but its owner and group may read.
  static base::Result<RadiusClients> Load(const std::filesystem::path& file);

  // Null: not known. Lives as long as this.
  const RadiusClient* Find(const base::IpAddress& sender) const;

  size_t size() const { return clients_.size(); }

 private:
  std::vector<RadiusClient> clients_;  // the longest prefixes first
};

}  // namespace weir::control::radius
