// The network access servers that may send accounting, and their secrets: a CSV file.
//
// Columns nas,secret,name and, where it is wanted, framed_prefix; the header row is required. `nas`
// is an address or a prefix; of several that hold a sender the longest counts. A secret has 8 to
// 128 bytes. `framed_prefix` is own or shared; empty: shared.
//
// Immutable once parsed; any thread.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "dataplane/base/ip_address.h"
#include "dataplane/base/result.h"

namespace weir::control::radius {

// Whose a Framed-IPv6-Prefix is. Servers of wired access give each user one; wireless controllers
// often name that of the link, which all its users share.
enum class FramedPrefix : uint8_t { kShared, kOwn };

struct RadiusClient {
  base::IpPrefix nas;
  std::string secret;
  std::string name;  // for people; may be empty
  FramedPrefix framed_prefix = FramedPrefix::kShared;
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
