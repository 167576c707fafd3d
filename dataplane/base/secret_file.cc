#include "dataplane/base/secret_file.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <system_error>

#include "dataplane/base/unique_fd.h"

namespace weir::base {
namespace {

constexpr size_t kLineEndBytes = 2;

bool IsPlain(std::string_view text) {
  return std::ranges::all_of(
      text, [](char c) { return static_cast<unsigned char>(c) >= ' ' && c != 0x7f; });
}

}  // namespace

Result<std::string> ReadSecretFile(const std::filesystem::path& file, size_t bytes_max) {
  const auto failed = [&file] {
    return Error{fmt::format("{}: {}", file.string(), std::generic_category().message(errno))};
  };
  const UniqueFd fd(::open(file.c_str(), O_RDONLY | O_CLOEXEC));
  struct stat about {};
  if (!fd || ::fstat(fd.get(), &about) != 0) return failed();
  if ((about.st_mode & S_IRWXO) != 0) {
    return Error{
        fmt::format("{}: everybody may read its secrets; chmod o-rwx would do", file.string())};
  }
  std::string text(bytes_max + 1, '\0');
  size_t size = 0;
  while (size < text.size()) {
    const ssize_t got = ::read(fd.get(), text.data() + size, text.size() - size);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return failed();
    if (got == 0) break;
    size += static_cast<size_t>(got);
  }
  if (size > bytes_max) {
    return Error{fmt::format("{}: it has more than {} bytes", file.string(), bytes_max)};
  }
  text.resize(size);
  return text;
}

Result<std::vector<std::string>> ReadSecretLines(const std::filesystem::path& file, size_t count,
                                                 size_t bytes_max, std::string_view expected) {
  // Room for a remark behind them.
  auto text = ReadSecretFile(file, 2 * count * (bytes_max + kLineEndBytes));
  if (!text.ok()) return text.error();
  std::vector<std::string> lines;
  std::string_view rest(*text);
  while (lines.size() < count) {
    const size_t end = std::min(rest.find('\n'), rest.size());
    std::string_view line = rest.substr(0, end);
    if (line.ends_with('\r')) line.remove_suffix(1);
    if (line.empty() || line.size() > bytes_max || !IsPlain(line)) {
      return Error{fmt::format("{}: expected {} of up to {} bytes on line {}", file.string(),
                               expected, bytes_max, lines.size() + 1)};
    }
    lines.emplace_back(line);
    rest.remove_prefix(std::min(end + 1, rest.size()));
  }
  return lines;
}

}  // namespace weir::base
