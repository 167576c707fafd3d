// The host names that one packet completed, in the order of its bytes. Room for 32; more are
// counted.
#pragma once

#include <array>
#include <cstdint>
#include <span>

#include "dataplane/names/name_sink.h"

namespace weir::pipeline {

class FoundNames final : public names::NameSink {
 public:
  static constexpr size_t kNamesMax = 32;

  struct Found {
    names::HostName name;
    names::Source source = names::Source::kNone;
  };

  void OnName(const names::HostName& name, names::Source source) override {
    if (count_ == kNamesMax) {
      overflowed_ = true;
      return;
    }
    found_[count_].name = name;
    found_[count_++].source = source;
  }

  void Clear() {
    count_ = 0;
    overflowed_ = false;
  }
  std::span<const Found> all() const { return {found_.data(), count_}; }
  bool overflowed() const { return overflowed_; }

 private:
  std::array<Found, kNamesMax> found_;
  size_t count_ = 0;
  bool overflowed_ = false;
};

}  // namespace weir::pipeline
