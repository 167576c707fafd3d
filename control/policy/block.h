// A block: one rule that a responder put in front of all others, with who, why and until when.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "dataplane/base/result.h"
#include "dataplane/base/time.h"

namespace weir::control::policy {

// typed -> installed -> removing -> removed. A block that the data plane refused goes from typed to
// removed at once.
enum class BlockState : uint8_t {
  kTyped,      // saved; the data plane has not said yet that it has it
  kInstalled,  // the data plane decides with it
  kRemoving,   // taken back or run out; the data plane has not said yet that it let go
  kRemoved,
};
std::string_view BlockStateName(BlockState state);

struct Block {
  int64_t number = 0;  // its id is "block-<number>"
  std::string kind;    // host domain ip port
  std::string value;
  std::string rule;  // the line of the rules file
  std::string actor;
  std::string reason;
  std::string notice;
  std::string incident;
  BlockState state = BlockState::kTyped;
  base::WallTime typed;
  std::optional<base::WallTime> until;
  std::optional<base::WallTime> installed;
  std::optional<base::WallTime> removed;  // when it was taken back or ran out
  std::string removed_by;                 // "expired", "refused: …" or a person
  int64_t policy_version = 0;             // that first had it

  std::string id() const { return "block-" + std::to_string(number); }
  // From typed to installed.
  std::optional<double> installed_in_ms() const;
};

// What a responder asks for.
struct BlockRequest {
  std::string kind;
  std::string value;
  std::string reason;
  std::string notice;                  // of the authority, if any
  std::string incident;                // id, if any
  std::optional<int64_t> for_seconds;  // empty: until it is taken back
  std::string actor;
  base::WallTime typed;
};

// "90s", "30m", "2h", "7d" -> seconds; at most ten years.
base::Result<int64_t> ParseDuration(std::string_view text);

}  // namespace weir::control::policy
