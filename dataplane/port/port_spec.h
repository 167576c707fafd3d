// What `[ports] inside` and `outside` may say, taken apart. Pure text; nothing is looked up.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "dataplane/base/result.h"

namespace weir::port {

struct PortSpec {
  enum class Kind {
    kInterface,  // "eth1": AF_XDP where it can be had, else AF_PACKET
    kVdev,       // "net_pcap0,rx_pcap=t.pcap": a DPDK virtual device with its arguments
    kPci,        // "0000:3b:00.0", also with arguments
  };

  Kind kind = Kind::kInterface;
  std::string text;       // as written
  std::string device;     // the interface, "net_pcap0", or "0000:3b:00.0"
  std::string driver;     // "net_pcap" of "net_pcap0"; empty for the other kinds
  std::string arguments;  // behind the first comma
  std::string interface;  // the kernel's interface, where there is one

  // The value of "key=" among the arguments.
  std::optional<std::string> Argument(std::string_view key) const;
};

// Fails on text that can be no port; the message has the text in it.
base::Result<PortSpec> ParsePortSpec(std::string_view text);

}  // namespace weir::port
