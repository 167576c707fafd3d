// The seals, one behind the other in a file that only grows: DIR/seals.log.
//
// One thread at a time.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "control/sealing/seal.h"
#include "dataplane/base/result.h"

namespace weir::control::sealing {

struct LoggedSeal {
  std::string text;
  // Empty: the text is no seal, and nothing but its digest can be told.
  std::optional<Seal> seal;
  std::string digest;
};

class SealLog {
 public:
  explicit SealLog(const std::filesystem::path& dir) : file_(dir / "seals.log") {}

  // All of them, in order; none when there is no file. Text behind the last empty line is a seal
  // whose writing was cut short, and left out.
  base::Result<std::vector<LoggedSeal>> Read() const;

  // Finds the end, and removes what a writing cut short has left there. Before the first Append().
  base::Status Open();

  // Writes and syncs. What a failure leaves behind, the next call removes.
  base::Status Append(const std::string& text);

  // All whole seals; after Open().
  uint64_t bytes() const { return end_; }

  const std::filesystem::path& file() const { return file_; }

 private:
  base::Result<std::string> ReadWhole() const;

  const std::filesystem::path file_;
  uint64_t end_ = 0;  // behind the last whole seal
};

// Checks a seal's signature and its tie to the one before; empty: nothing is wrong. `previous` may
// be null: it is the first.
std::vector<std::string> CheckSeal(const LoggedSeal& seal, const LoggedSeal* previous,
                                   const PublicKey& key);

}  // namespace weir::control::sealing
