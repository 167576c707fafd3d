// Every key of the configuration file, and how its value is taken.
//
// Inside of config.cc only, while it reads a file.
#pragma once

#include <span>
#include <string_view>

#include "dataplane/base/config.h"
#include "dataplane/base/config_value.h"

namespace weir::base {

struct KeyRule {
  std::string_view section;  // empty: at the top of the file
  std::string_view key;
  void (*take)(const Value& value, Config& config);
};

std::span<const KeyRule> ConfigKeys();

}  // namespace weir::base
