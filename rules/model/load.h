// Finds and reads the files of a policy; shared by both processes, so that they agree on it.
// Called off the packet path: at start, and when a policy is checked or applied.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "dataplane/base/result.h"
#include "rules/model/policy_text.h"

namespace weir::rules {

inline constexpr size_t kSourceBytesMax = size_t{16} << 20;
inline constexpr size_t kSourcesMax = 1000;

// The blocks file first (none there is fine; empty name: none wanted), then what each glob finds,
// in the order of the globs, sorted within one, no file twice. Relative names are under `base_dir`
// (empty: the working directory). Fails on a glob that finds nothing, a file that cannot be read or
// is too large; the message names it.
base::Result<std::vector<PolicySource>> LoadPolicySources(const std::string& blocks_file,
                                                          std::span<const std::string> globs,
                                                          const std::string& base_dir);

// SHA-256 in hex over name, LF, the text's length in decimal, LF and the text of each source in
// order: by it both processes see whether they have the same policy.
std::string PolicyDigest(std::span<const PolicySource> sources);

// The file that a list definition means: its path as seen from the rules file `source_name`.
std::string ListFilePath(const std::string& source_name, const std::string& path);

}  // namespace weir::rules
