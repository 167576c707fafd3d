// What one packet told that the policy is asked about, in the order of its bytes: host names, and
// keywords of HTTP requests. Room for 32; more are counted.
#pragma once

#include <array>
#include <cstdint>
#include <span>

#include "dataplane/names/name_sink.h"
#include "dataplane/verdict/decide.h"
#include "rules/compile/keyword_hits.h"

namespace weir::pipeline {

class FoundNames final : public names::NameSink {
 public:
  static constexpr size_t kNamesMax = 32;

  struct Found {
    names::HostName name;
    names::Source source = names::Source::kNone;
    // A keyword may be found before its request's host is, or where there is none.
    verdict::Knowledge name_state = verdict::Knowledge::kKnown;
    bool is_keyword = false;      // the name was told before, and a keyword is what is new
    uint32_t request = 0;         // HTTP requests that this packet had begun by then
    rules::KeywordHits keywords;  // of its request, up to here
  };

  void OnName(const names::HostName& name, names::Source source) override {
    if (Found* place = Add()) {
      place->name = name;
      place->source = source;
    }
  }
  void OnHttpRequest() override { ++requests_; }
  // Null, and remembered, when there is no room.
  Found* Add() {
    if (count_ == kNamesMax) {
      overflowed_ = true;
      return nullptr;
    }
    Found& place = found_[count_++];
    place.source = names::Source::kNone;
    place.name.bytes = 0;
    place.name_state = verdict::Knowledge::kKnown;
    place.is_keyword = false;
    place.request = requests_;
    place.keywords.Clear();
    return &place;
  }

  void Clear() {
    count_ = 0;
    requests_ = 0;
    overflowed_ = false;
  }
  std::span<const Found> all() const { return {found_.data(), count_}; }
  bool overflowed() const { return overflowed_; }

 private:
  std::array<Found, kNamesMax> found_;
  size_t count_ = 0;
  uint32_t requests_ = 0;
  bool overflowed_ = false;
};

}  // namespace weir::pipeline
