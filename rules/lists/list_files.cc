#include "rules/lists/list_files.h"

#include <fmt/format.h>

#include "dataplane/base/sha256.h"
#include "rules/model/load.h"

namespace weir::rules {
namespace {

constexpr size_t kSourceDigestShown = 16;

}  // namespace

bool IsListUrl(const std::string& source) {
  return source.starts_with("https://") || source.starts_with("http://");
}

std::string ListSource(const ListDefinition& list, const std::string& rules_file) {
  return IsListUrl(list.path) ? list.path : ListFilePath(rules_file, list.path);
}

std::filesystem::path ListCopyPath(const std::filesystem::path& copies, const std::string& name,
                                   const std::string& source, const std::string& format) {
  const std::string digest = base::Sha256Hex(source + "\n" + format);
  return copies / fmt::format("{}-{}.list", name, digest.substr(0, kSourceDigestShown));
}

base::Result<LoadedList> ListFiles::Load(const ListDefinition& list,
                                         const std::string& rules_file) const {
  const std::string source = ListSource(list, rules_file);
  std::string why;
  if (!options_.copies.empty()) {
    const std::string copy = ListCopyPath(options_.copies, list.name, source, list.format);
    if (base::StampOf(copy)) {
      auto loaded = Read(copy, list);
      if (loaded || IsListUrl(source)) return loaded;
      why = fmt::format("the last good copy cannot be used: {}", loaded.error().message);
    }
  }
  if (!IsListUrl(source)) {
    auto loaded = Read(source, list);
    if (loaded) loaded->warning = why;
    return loaded;
  }
  if (!options_.wait_for_copies) {
    return base::Error{fmt::format("'{}' was not fetched yet; a file would do", source)};
  }
  return LoadedList{std::make_shared<const ListContent>(), "",
                    fmt::format("'{}' was not fetched yet: the list is empty until then", source)};
}

base::Result<LoadedList> ListFiles::Read(const std::string& path,
                                         const ListDefinition& list) const {
  const std::scoped_lock lock(mutex_);
  // The stamp before the bytes: what is written in between is read again.
  const auto stamp = base::StampOf(path);
  const auto known = kept_.find(path);
  const bool is_known = known != kept_.end() && known->second.format == list.format;
  const bool pinned = is_known && options_.read_once;
  if (pinned || (is_known && stamp && known->second.stamp == stamp)) {
    known->second.used = true;
    return known->second.list;
  }
  const auto bytes = ReadListBytes(path, options_.bytes_max);
  if (!bytes) return base::Error{fmt::format("{}: {}", path, bytes.error().message)};
  ListOptions options;
  options.format = FindListFormatByName(list.format);
  options.now = options_.now.value_or(base::WallNow());
  options.bytes_max = options_.bytes_max;
  auto content = ReadList(*bytes, options);
  if (!content) return base::Error{fmt::format("{}: {}", path, content.error().message)};
  LoadedList loaded{std::make_shared<const ListContent>(std::move(*content)),
                    base::Sha256Hex(*bytes), ""};
  kept_[path] = {stamp, list.format, loaded, true};
  return loaded;
}

void ListFiles::ForgetUnused() const {
  const std::scoped_lock lock(mutex_);
  for (auto at = kept_.begin(); at != kept_.end();) {
    at = std::exchange(at->second.used, false) ? std::next(at) : kept_.erase(at);
  }
}

size_t ListFiles::memory_bytes() const {
  const std::scoped_lock lock(mutex_);
  size_t bytes = 0;
  for (const auto& [path, kept] : kept_) bytes += kept.list.content->memory_bytes();
  return bytes;
}

}  // namespace weir::rules
