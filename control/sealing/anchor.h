// What is told of each seal to a place outside of the appliance, so that a record that was set back
// as a whole, seals and all, is found out: one line a seal, at the end of a file, or one in a mail.
//
// The file is meant to lie on another machine's disk, one that takes appends only. Values and pure
// functions, save those that take a file; any thread.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "control/sealing/seal.h"
#include "dataplane/base/result.h"

namespace weir::control::sealing {

struct Anchor {
  std::string record;
  uint64_t number = 0;
  std::string digest;

  bool operator==(const Anchor&) const = default;
};

// "weir anchor 1 RECORD NUMBER DIGEST" and a line feed.
std::string AnchorLine(const Anchor& anchor);

// Other text is left out: it may be a mail as it was saved, a mail folder, or notes, and the line
// may be wrapped. The error is that there is no such line in it.
base::Result<std::vector<Anchor>> ParseAnchors(std::string_view text);

// The newest anchor in the file that is of another record; none where there is no file yet.
base::Result<std::optional<Anchor>> FindOtherAnchor(const std::filesystem::path& file,
                                                    std::string_view record);
// The last one in the file, of whichever record; none where there is none.
base::Result<std::optional<Anchor>> FindLastAnchor(const std::filesystem::path& file);

bool IsRecordName(std::string_view text);  // 32 digits 0-9 a-f

base::Status AppendAnchor(const std::filesystem::path& file, const Anchor& anchor);

}  // namespace weir::control::sealing
