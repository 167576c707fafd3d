#include "control/policy/blocks_file.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <string_view>

#include "dataplane/base/unique_fd.h"

namespace weir::control::policy {
namespace {

base::Error System(const std::filesystem::path& path, const char* what) {
  return {path.string() + ": cannot be " + what + ": " + std::strerror(errno)};
}

bool WriteAll(int fd, std::string_view text) {
  while (!text.empty()) {
    const ssize_t written = ::write(fd, text.data(), text.size());
    if (written < 0 && errno == EINTR) continue;
    if (written <= 0) return false;
    text.remove_prefix(static_cast<size_t>(written));
  }
  return true;
}

}  // namespace

std::string RenderBlocksFile(std::span<const Block> blocks) {
  std::string text =
      "# Blocks in force, written by weir-control. Do not edit: use `weirctl block` and "
      "`unblock`.\n";
  for (const Block& block : blocks) text += block.rule + "\n";
  return text;
}

base::Status WriteFileAtomically(const std::filesystem::path& path, const std::string& text) {
  const std::filesystem::path temporary = path.string() + ".tmp";
  const base::UniqueFd file(
      ::open(temporary.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644));
  if (!file) return System(temporary, "made");
  if (!WriteAll(file.get(), text) || ::fsync(file.get()) != 0) {
    const base::Error error = System(temporary, "written");
    ::unlink(temporary.c_str());
    return error;
  }
  if (::rename(temporary.c_str(), path.c_str()) != 0) return System(path, "replaced");
  const base::UniqueFd directory(
      ::open(path.parent_path().c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!directory || ::fsync(directory.get()) != 0) return System(path, "made durable");
  return {};
}

}  // namespace weir::control::policy
