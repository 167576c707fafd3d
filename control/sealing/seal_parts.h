// What a seal's digests are made of, piece by piece, so that a check can say in which minute, or
// among which numbers, something is wrong. Each piece's digest is cut to 128 bits: it only narrows
// down what the seal's own, whole digest has found. The text lies beside the log, DIR/parts/NUMBER,
// and the seal has its SHA-256; the format is docs/formats/seals.md.
//
// Values, and functions for files; any thread.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "control/sealing/record_lines.h"
#include "control/sealing/seal.h"
#include "dataplane/base/result.h"

namespace weir::control::sealing {

inline constexpr int64_t kMinuteNs = 60 * base::kNsPerSecond;
inline constexpr uint64_t kNumbersAPart = 100;

struct SealParts {
  struct Minute {
    base::WallTime from;
    Digest sessions;  // that began in it; sha256: its first 32 digits

    bool operator==(const Minute&) const = default;
  };
  struct Numbers {
    NumberedClass numbered = NumberedClass::kFindings;
    uint64_t block = 0;  // of the records numbered above 100 × block, up to 100 more
    Digest records;      // the same

    bool operator==(const Numbers&) const = default;
  };
  std::vector<Minute> minutes;  // that have any, in order
  std::vector<Numbers> numbers;

  bool empty() const { return minutes.empty() && numbers.empty(); }
  bool operator==(const SealParts&) const = default;
};

// Gathers parts out of records in their order; Finish() ends the last one.
class PartGatherer {
 public:
  explicit PartGatherer(SealParts& parts) : parts_(parts) {}

  void AddSession(base::WallTime start, std::string_view line);
  void AddNumbered(NumberedClass numbered, uint64_t number, std::string_view line);
  void Finish();

 private:
  SealParts& parts_;
  std::optional<LineDigest> lines_;
  Digest* digest_ = nullptr;  // of the part that is being gathered
};

std::string PartsText(const SealParts& parts);
// Takes nothing that PartsText() would not have written.
base::Result<SealParts> ParseParts(std::string_view text);

// What is not as it was, for a person: "in the minute from 14:23 1 is missing; …". Empty: all parts
// are the same.
std::string MinutesThatDiffer(const SealParts& was, const SealParts& is);
std::string NumbersThatDiffer(NumberedClass numbered, const SealParts& was, const SealParts& is);

// `dir` is that of the log. Writing replaces what an attempt that failed has left.
base::Status WriteParts(const std::filesystem::path& dir, uint64_t seal, std::string_view text);
// Fails when it is not there, or is not what the seal has: `sha256`.
base::Result<SealParts> ReadParts(const std::filesystem::path& dir, uint64_t seal,
                                  const std::string& sha256);
void RemoveParts(const std::filesystem::path& dir, uint64_t seal);

}  // namespace weir::control::sealing
