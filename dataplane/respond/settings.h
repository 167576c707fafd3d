// How `reject` answers: [respond] of weir.toml as the pipeline takes it. Fixed for its life.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "dataplane/base/ip_address.h"
#include "dataplane/respond/block_page.h"

namespace weir::respond {

// The answer to a DNS question for a name that a rule rejects.
enum class DnsAnswer : uint8_t { kNone, kNxDomain, kSinkhole, kRefused };

struct Settings {
  DnsAnswer dns = DnsAnswer::kNxDomain;
  // The addresses a rejected name has with kSinkhole; without one its type has no record.
  std::optional<base::IpAddress> sinkhole_ipv4;
  std::optional<base::IpAddress> sinkhole_ipv6;
  uint32_t dns_ttl_s = 60;
  bool http_page = true;                        // else a rejected HTTP request is reset
  std::shared_ptr<const BlockPage> block_page;  // nullptr: the built-in one
  // Where rules that send to the portal send a rejected HTTP request; empty: nowhere.
  std::string portal;
  uint32_t per_source_per_second = 20;
  uint32_t total_per_second = 1000;  // of this pipeline
};

}  // namespace weir::respond
