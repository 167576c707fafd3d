#include "dataplane/port/port_spec.h"

#include <fmt/format.h>
#include <net/if.h>

#include <algorithm>
#include <cctype>

namespace weir::port {
namespace {

bool IsHex(std::string_view text) {
  return !text.empty() && std::all_of(text.begin(), text.end(),
                                      [](unsigned char c) { return std::isxdigit(c) != 0; });
}

// [domain:]bus:device.function
bool IsPciAddress(std::string_view text) {
  const size_t dot = text.rfind('.');
  if (dot == std::string_view::npos || !IsHex(text.substr(dot + 1))) return false;
  std::string_view rest = text.substr(0, dot);
  size_t parts = 1;
  for (size_t colon = rest.find(':'); colon != std::string_view::npos; colon = rest.find(':')) {
    if (!IsHex(rest.substr(0, colon))) return false;
    rest.remove_prefix(colon + 1);
    ++parts;
  }
  return IsHex(rest) && (parts == 2 || parts == 3);
}

// As the kernel's dev_valid_name() has it.
bool IsInterfaceName(std::string_view text) {
  if (text.empty() || text.size() >= IFNAMSIZ || text == "." || text == "..") return false;
  return std::none_of(text.begin(), text.end(), [](unsigned char c) {
    return std::isspace(c) != 0 || c == '/' || c == ':' || c == ',' || c == '=';
  });
}

}  // namespace

std::optional<std::string> PortSpec::Argument(std::string_view key) const {
  std::string_view rest = arguments;
  while (!rest.empty()) {
    const std::string_view item = rest.substr(0, rest.find(','));
    rest.remove_prefix(std::min(rest.size(), item.size() + 1));
    const size_t equals = item.find('=');
    if (equals != std::string_view::npos && item.substr(0, equals) == key) {
      return std::string(item.substr(equals + 1));
    }
  }
  return std::nullopt;
}

base::Result<PortSpec> ParsePortSpec(std::string_view text) {
  PortSpec spec;
  spec.text = text;
  const size_t comma = text.find(',');
  spec.device = text.substr(0, comma);
  if (comma != std::string_view::npos) spec.arguments = text.substr(comma + 1);

  if (spec.device.starts_with("net_")) {
    spec.kind = PortSpec::Kind::kVdev;
    spec.driver = spec.device.substr(0, spec.device.find_last_not_of("0123456789") + 1);
    spec.interface = spec.Argument("iface").value_or("");
    const bool over_interface = spec.driver == "net_af_xdp" || spec.driver == "net_af_packet";
    if (over_interface && spec.interface.empty()) {
      return base::Error{
          fmt::format("'{}': needs iface=NAME, as in '{},iface=eth1'", text, spec.device)};
    }
    if (!over_interface) spec.interface.clear();
    return spec;
  }
  if (IsPciAddress(spec.device)) {
    spec.kind = PortSpec::Kind::kPci;
    return spec;
  }
  if (!IsInterfaceName(text)) {
    return base::Error{
        fmt::format("'{}': expected an interface name, a PCI address or DPDK devargs such as "
                    "'net_af_xdp0,iface=eth1'",
                    text)};
  }
  spec.kind = PortSpec::Kind::kInterface;
  spec.interface = text;
  return spec;
}

}  // namespace weir::port
