#include "control/audit/rocks_log.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdarg>
#include <cstdio>
#include <string>

#include "dataplane/base/time.h"
#include "dataplane/base/unique_fd.h"

namespace weir::control::audit {
namespace {

constexpr uintmax_t kBytesMax = 4 << 20;

class RocksLog : public rocksdb::Logger {
 public:
  explicit RocksLog(base::UniqueFd file)
      : rocksdb::Logger(rocksdb::InfoLogLevel::WARN_LEVEL), file_(std::move(file)) {}

  using rocksdb::Logger::Logv;
  void Logv(const char* format, va_list arguments) override {
    std::array<char, 1024> text;  // a longer line is cut
    const int length = std::vsnprintf(text.data(), text.size(), format, arguments);
    if (length <= 0 || !file_) return;
    const size_t kept = std::min(static_cast<size_t>(length), text.size() - 1);
    const std::string line = fmt::format("{} {}\n", base::FormatRfc3339(base::WallNow()),
                                         std::string_view(text.data(), kept));
    // Appended in one call, so that lines of several threads do not mix.
    if (::write(file_.get(), line.data(), line.size()) < 0) return;
  }

 private:
  const base::UniqueFd file_;  // none: could not be opened
};

}  // namespace

std::shared_ptr<rocksdb::Logger> MakeRocksLog(const std::filesystem::path& dir) {
  constexpr mode_t kOwnerWritesGroupReads = 0640;
  const std::filesystem::path path = dir / "LOG";
  std::error_code ignored;
  if (std::filesystem::file_size(path, ignored) > kBytesMax && !ignored) {
    std::filesystem::rename(path, dir / "LOG.old", ignored);
  }
  return std::make_shared<RocksLog>(base::UniqueFd(
      ::open(path.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, kOwnerWritesGroupReads)));
}

}  // namespace weir::control::audit
