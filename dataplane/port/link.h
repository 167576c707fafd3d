// The kernel's view of a network interface, asked over rtnetlink, and the few switches that a port
// needs set. Start-up and end only; any one thread.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "dataplane/base/result.h"
#include "dataplane/base/unique_fd.h"

namespace weir::port {

struct Link {
  std::string name;
  int index = 0;
  uint32_t mtu_bytes = 0;
  bool is_up = false;
  uint32_t xdp_program_id = 0;  // 0: none
  std::string bridge;           // empty: member of none
};

// Fails when there is no interface of this name.
base::Result<Link> FindLink(const std::string& name);

// The kernel's name of a loaded BPF program, up to 15 characters; empty when it cannot be told.
std::string BpfProgramName(uint32_t program_id);

// What opening a port changes on its interface, undone when this goes.
//
// The interface comes up and leaves VLAN tags in the frame: a NIC that strips them into metadata
// hides them from XDP, and the frames would go out untagged. DPDK makes it promiscuous and leaves
// it so; that is undone here too.
class LinkSetup {
 public:
  // Fails when another process of Weir's holds the interface, or somebody else's XDP program is on
  // it: a port that fails to open there would take their program with it.
  static base::Result<LinkSetup> Apply(const Link& link);
  LinkSetup(LinkSetup&& other) noexcept;
  LinkSetup& operator=(LinkSetup&& other) noexcept;
  ~LinkSetup();

 private:
  explicit LinkSetup(std::string name) : name_(std::move(name)) {}
  void Undo();

  std::string name_;     // empty: moved from
  base::UniqueFd lock_;  // an abstract socket: gone with the process, however it ends
  bool raised_ = false;
  bool was_not_promiscuous_ = false;
  bool vlan_strip_was_on_ = false;
};

}  // namespace weir::port
