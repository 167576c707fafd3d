// The kernel's view of a network interface, asked over rtnetlink, and the few switches that a port
// needs set. Start-up and end only; any one thread.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "dataplane/base/result.h"

namespace weir::port {

struct Link {
  std::string name;
  int index = 0;
  uint32_t mtu_bytes = 0;
  bool is_up = false;
  bool has_xdp_program = false;
  std::string bridge;  // empty: member of none
};

// Fails when there is no interface of this name.
base::Result<Link> FindLink(const std::string& name);

// What opening a port changes on its interface, undone when this goes.
//
// The interface comes up and leaves VLAN tags in the frame: a NIC that strips them into metadata
// hides them from XDP, and the frames would go out untagged. DPDK makes it promiscuous and leaves
// it so; that is undone here too.
class LinkSetup {
 public:
  static base::Result<LinkSetup> Apply(const Link& link);
  LinkSetup(LinkSetup&& other) noexcept;
  LinkSetup& operator=(LinkSetup&& other) noexcept;
  ~LinkSetup();

 private:
  explicit LinkSetup(std::string name) : name_(std::move(name)) {}
  void Undo();

  std::string name_;  // empty: moved from
  bool raised_ = false;
  bool was_not_promiscuous_ = false;
  bool vlan_strip_was_on_ = false;
};

}  // namespace weir::port
