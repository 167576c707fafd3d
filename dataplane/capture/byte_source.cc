#include "dataplane/capture/byte_source.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

namespace weir::capture {
namespace {

ssize_t ReadAgain(int descriptor, void* out, size_t bytes) {
  ssize_t got = 0;
  do {
    got = read(descriptor, out, bytes);
  } while (got < 0 && errno == EINTR);
  return got;
}

base::Error SystemError(const std::string& path) {
  return base::Error{fmt::format("{}: {}", path, std::strerror(errno))};
}

}  // namespace

base::Result<std::unique_ptr<ByteSource>> ByteSource::Open(const std::string& path) {
  const bool from_stdin = path == "-";
  const int descriptor = from_stdin ? STDIN_FILENO : open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (descriptor < 0) return SystemError(path);
  std::unique_ptr<ByteSource> source(new ByteSource(descriptor, !from_stdin));
  struct stat info {};
  if (fstat(descriptor, &info) == 0 && S_ISREG(info.st_mode)) {
    source->bytes_in_all_ = static_cast<uint64_t>(info.st_size);
  }
  const base::Status peeked = source->Peek(from_stdin ? "standard input" : path);
  if (!peeked.ok()) return peeked.error();
  return source;
}

ByteSource::~ByteSource() {
  if (owned_) close(descriptor_);
}

base::Status ByteSource::Peek(const std::string& path) {
  while (head_bytes_ < kPeekBytes) {
    const ssize_t got =
        ReadAgain(descriptor_, head_.data() + head_bytes_, kPeekBytes - head_bytes_);
    if (got < 0) return SystemError(path);
    if (got == 0) break;
    head_bytes_ += static_cast<size_t>(got);
  }
  return {};
}

int64_t ByteSource::Read(char* out, size_t bytes) {
  if (bytes_read_ < head_bytes_) {
    const size_t taken = std::min<size_t>(bytes, head_bytes_ - bytes_read_);
    std::memcpy(out, head_.data() + bytes_read_, taken);
    bytes_read_ += taken;
    return static_cast<int64_t>(taken);
  }
  const ssize_t got = ReadAgain(descriptor_, out, bytes);
  if (got > 0) bytes_read_ += static_cast<uint64_t>(got);
  return got;
}

std::FILE* ByteSource::Stream() {
  cookie_io_functions_t functions{};
  functions.read = [](void* cookie, char* out, size_t bytes) -> ssize_t {
    return static_cast<ByteSource*>(cookie)->Read(out, bytes);
  };
  return fopencookie(this, "r", functions);
}

}  // namespace weir::capture
