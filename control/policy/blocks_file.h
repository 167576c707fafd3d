// The file of blocks that both processes load in front of the rules.
#pragma once

#include <filesystem>
#include <span>
#include <string>

#include "control/policy/block.h"
#include "dataplane/base/result.h"

namespace weir::control::policy {

// A rules file with one line a block. Pure.
std::string RenderBlocksFile(std::span<const Block> blocks);

// Writes `text` to `path` so that a reader, or a machine that starts after a power cut, finds the
// old text or the new, whole. One writer at a time.
base::Status WriteFileAtomically(const std::filesystem::path& path, const std::string& text);

}  // namespace weir::control::policy
