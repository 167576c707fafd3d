// nDPI's names of applications and categories, both ways: for rules ("BitTorrent", any case) and
// for records ("TLS.YouTube").
//
// Made once at start, then constant: any thread, and shared by all workers. Every name that a
// record can need is laid out beforehand, so that a worker only looks it up.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "dataplane/base/result.h"
#include "dataplane/classify/classifier.h"

namespace weir::classify {

class NdpiNames {
 public:
  static base::Result<std::shared_ptr<const NdpiNames>> Create();

  // nDPI's number for a name in any case; none for "Unknown" and for what nDPI does not know.
  std::optional<uint16_t> FindApp(std::string_view name) const;
  std::optional<uint16_t> FindCategory(std::string_view name) const;

  // All names, in nDPI's order.
  std::vector<std::string> AppNames() const;
  std::vector<std::string> CategoryNames() const;

  // "TLS.YouTube", or "DNS" where master and application are one or either is unknown; "" for
  // unknown.
  std::string_view AppName(const Label& label) const;
  std::string_view CategoryName(uint16_t category) const;

 private:
  NdpiNames() = default;
  void LayOut();

  std::vector<std::string> apps_;
  std::vector<std::string> categories_;
  // All "master.app" one after the other; pair (m, a) begins at starts_[m * apps_.size() + a].
  std::string pairs_;
  std::vector<uint32_t> starts_;
};

}  // namespace weir::classify
