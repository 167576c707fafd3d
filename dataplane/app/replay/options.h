// The command line of weir-replay.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "dataplane/base/ip_address.h"
#include "dataplane/base/result.h"

namespace weir::replay {

struct Options {
  std::vector<std::string> inputs;  // "-" is standard input
  std::vector<std::string> rules;   // files or globs, in the order in which they count
  std::string out;                  // empty: not wanted; "-": standard output
  std::string sessions;
  std::string events;
  std::string summary;
  std::string accounts;
  std::string sensor = "replay";
  std::vector<base::IpPrefix> inside;
  std::vector<base::IpPrefix> dhcp_servers;  // whose leases are events
  unsigned workers = 1;
  uint32_t flows_max = 1'000'000;  // of each worker
};

// What the command line comes to: options to run with, or text to print and the code to exit with.
struct Parsed {
  Options options;
  bool run = true;
  int exit_code = 0;
  std::string text;
};

Parsed ParseCommandLine(int argc, const char* const* argv);

}  // namespace weir::replay
