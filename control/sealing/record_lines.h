// The record as text: one JSON object a line, with a line feed. It is what seals are made over and
// what is handed out, so a line never changes once its record is sealed: a field that is new is
// left out where it has no value.
//
// Pure; any thread; allocates.
#pragma once

#include <cstdint>
#include <string>

#include "control/audit/record.h"
#include "control/operations/operations_log.h"
#include "dataplane/base/sha256.h"

namespace weir::control::sealing {

std::string SessionLine(const audit::SessionRecord& record);
std::string FindingLine(const audit::SequencedFinding& finding);
std::string HealthLine(const audit::SequencedHealth& health);
std::string LoginLine(const audit::SequencedLogin& login);
std::string OperationLine(const operations::Operation& operation);

// How many lines, and the SHA-256 of all of them, one behind the other.
class LineDigest {
 public:
  void Add(std::string_view line) {
    records_++;
    sha256_.Add(line);
  }
  uint64_t records() const { return records_; }
  std::string Hex() { return sha256_.Hex(); }  // once, at the end

 private:
  uint64_t records_ = 0;
  base::Sha256 sha256_;
};

}  // namespace weir::control::sealing
