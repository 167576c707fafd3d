// Which ports the later fragments of a datagram belong to, learnt from its first fragment.
//
// A direct-mapped cache of fixed size: a newer datagram pushes an older one out. Later fragments
// that find nothing (lost or late first fragment) are counted under a session with ports 0.
#pragma once

#include <array>
#include <cstdint>
#include <optional>

#include "dataplane/base/huge_array.h"
#include "dataplane/base/siphash.h"
#include "dataplane/packet/packet.h"

namespace weir::pipeline {

struct Ports {
  uint16_t src = 0;
  uint16_t dst = 0;
};

class FragmentPorts {
 public:
  explicit FragmentPorts(const base::HashKey& secret) : secret_(secret), entries_(kEntries) {}

  void Remember(const packet::Headers& headers, Ports ports) {
    Entry& entry = EntryFor(headers);
    entry = {headers.src_ip, headers.dst_ip, headers.fragment_id, ports, headers.ip_protocol, true};
  }

  std::optional<Ports> Find(const packet::Headers& headers) {
    const Entry& entry = EntryFor(headers);
    const bool same = entry.used && entry.id == headers.fragment_id &&
                      entry.protocol == headers.ip_protocol && entry.src == headers.src_ip &&
                      entry.dst == headers.dst_ip;
    return same ? std::optional(entry.ports) : std::nullopt;
  }

 private:
  static constexpr size_t kEntries = 4096;

  struct Entry {
    base::IpAddress src;
    base::IpAddress dst;
    uint32_t id;
    Ports ports;
    uint8_t protocol;
    bool used;
  };

  Entry& EntryFor(const packet::Headers& headers) {
    base::SipHash13 hash(secret_);
    for (const base::IpAddress* address : {&headers.src_ip, &headers.dst_ip}) {
      uint64_t words[2];
      std::memcpy(words, address->bytes().data(), sizeof words);
      hash.Add(words[0]);
      hash.Add(words[1]);
    }
    hash.Add(uint64_t{headers.fragment_id} << 8 | headers.ip_protocol);
    return entries_[hash.Finish() % kEntries];
  }

  base::HashKey secret_;
  base::HugeArray<Entry> entries_;
};

}  // namespace weir::pipeline
