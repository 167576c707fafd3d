// The command line of weir-dataplane.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>

namespace weir::appliance {

struct Options {
  std::filesystem::path config;
  std::filesystem::path summary;  // empty: none
  uint32_t duration_s = 0;        // 0: until a signal
  bool check = false;
};

// Prints what is wrong, or the help, and returns the exit code, when there is nothing to run.
struct ParsedOptions {
  Options options;
  std::optional<int> exit_code;
};
ParsedOptions ParseOptions(int argc, char** argv);

}  // namespace weir::appliance
