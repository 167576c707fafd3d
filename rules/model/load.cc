#include "rules/model/load.h"

#include <fmt/format.h>
#include <glob.h>
#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <memory>

#include "dataplane/base/sha256.h"

namespace weir::rules {
namespace {

std::string Under(const std::string& folder, const std::string& path) {
  if (folder.empty() || path.starts_with('/')) return path;
  return folder.ends_with('/') ? folder + path : folder + "/" + path;
}

base::Result<std::vector<std::string>> Find(const std::string& pattern) {
  glob_t found{};
  const int fault = glob(pattern.c_str(), GLOB_ERR, nullptr, &found);
  std::vector<std::string> paths;
  for (size_t i = 0; i < found.gl_pathc; ++i) paths.emplace_back(found.gl_pathv[i]);
  globfree(&found);
  if (fault == GLOB_NOMATCH) return base::Error{fmt::format("{}: no such rules file", pattern)};
  if (fault != 0) return base::Error{fmt::format("{}: cannot look for rules files", pattern)};
  std::sort(paths.begin(), paths.end());
  return paths;
}

// Missing is told apart by errno == ENOENT.
base::Result<std::string> ReadFile(const std::string& path) {
  const auto fault = [&] { return base::Error{fmt::format("{}: {}", path, std::strerror(errno))}; };
  const std::unique_ptr<FILE, int (*)(FILE*)> file(std::fopen(path.c_str(), "rbe"), std::fclose);
  struct stat info {};
  if (!file || fstat(fileno(file.get()), &info) != 0) return fault();
  if (!S_ISREG(info.st_mode)) {
    errno = 0;
    return base::Error{fmt::format("{}: not a file", path)};
  }
  std::string text;
  char buffer[65536];
  for (size_t got; (got = std::fread(buffer, 1, sizeof buffer, file.get())) > 0;) {
    text.append(buffer, got);
    if (text.size() <= kSourceBytesMax) continue;
    return base::Error{fmt::format("{}: larger than {} bytes; put names and addresses into a list",
                                   path, kSourceBytesMax)};
  }
  if (std::ferror(file.get()) != 0) return fault();
  return text;
}

base::Status AddSource(const std::string& path, std::vector<PolicySource>& sources) {
  const bool known = std::any_of(sources.begin(), sources.end(),
                                 [&](const PolicySource& source) { return source.name == path; });
  if (known) return {};
  if (sources.size() == kSourcesMax) {
    return base::Error{fmt::format("{}: a policy has up to {} files", path, kSourcesMax)};
  }
  auto text = ReadFile(path);
  if (!text) return text.error();
  sources.push_back({path, *std::move(text)});
  return {};
}

}  // namespace

base::Result<std::vector<PolicySource>> LoadPolicySources(const std::string& blocks_file,
                                                          std::span<const std::string> globs,
                                                          const std::string& base_dir) {
  std::vector<PolicySource> sources;
  if (!blocks_file.empty()) {
    const std::string path = Under(base_dir, blocks_file);
    errno = 0;
    const base::Status added = AddSource(path, sources);
    if (!added && errno != ENOENT) return added.error();
  }
  for (const std::string& pattern : globs) {
    const auto paths = Find(Under(base_dir, pattern));
    if (!paths) return paths.error();
    for (const std::string& path : *paths) {
      const base::Status added = AddSource(path, sources);
      if (!added) return added.error();
    }
  }
  return sources;
}

std::string PolicyDigest(std::span<const PolicySource> sources) {
  base::Sha256 digest;
  for (const PolicySource& source : sources) {
    digest.Add(source.name).Add(fmt::format("\n{}\n", source.text.size())).Add(source.text);
  }
  return digest.Hex();
}

std::string ListFilePath(const std::string& source_name, const std::string& path) {
  const size_t slash = source_name.find_last_of('/');
  return slash == std::string::npos ? path : Under(source_name.substr(0, slash + 1), path);
}

}  // namespace weir::rules
