#include "dataplane/port/output_capture.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cctype>

namespace weir::port {
namespace {

std::string_view Trim(std::string_view line) {
  const auto is_space = [](char c) { return std::isspace(static_cast<unsigned char>(c)) != 0; };
  while (!line.empty() && is_space(line.front())) line.remove_prefix(1);
  while (!line.empty() && (is_space(line.back()) || line.back() == '.')) line.remove_suffix(1);
  return line;
}

bool SaysError(std::string_view line) {
  std::string lower(line);
  std::transform(lower.begin(), lower.end(), lower.begin(),
                 [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  static constexpr std::array<std::string_view, 12> kWords = {
      "error",       "fail",       "cannot",         "invalid",   "not compatible", "unrecog",
      "not support", "not enough", "no such device", "could not", "couldn't",       "unable"};
  return std::any_of(kWords.begin(), kWords.end(), [&lower](std::string_view word) {
    return lower.find(word) != std::string::npos;
  });
}

// "EAL: ", "rte_pmd_init_internals(): ", "weir-dataplane: "
std::string_view WithoutPrefix(std::string_view line) {
  static constexpr std::array<std::string_view, 4> kPrefixes = {
      "EAL: ", "ETHDEV: ", "libxdp: ", "weir-dataplane: "};
  for (const std::string_view prefix : kPrefixes) {
    if (line.starts_with(prefix)) line.remove_prefix(prefix.size());
  }
  const size_t call = line.find("(): ");
  const bool is_function = call != std::string_view::npos && line.find(' ') > call;
  return Trim(is_function ? line.substr(call + 4) : line);
}

ssize_t WriteToBuffer(void* buffer, const char* bytes, size_t count) {
  static_cast<LogBuffer*>(buffer)->Write({bytes, count});
  return static_cast<ssize_t>(count);
}

}  // namespace

OutputCapture::OutputCapture() : memory_(::memfd_create("weir-output", MFD_CLOEXEC)) {
  if (!memory_) return;
  std::fflush(stdout);
  std::fflush(stderr);
  stdout_.Reset(::fcntl(STDOUT_FILENO, F_DUPFD_CLOEXEC, 3));
  stderr_.Reset(::fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, 3));
  if (stdout_) ::dup2(memory_.get(), STDOUT_FILENO);
  if (stderr_) ::dup2(memory_.get(), STDERR_FILENO);
}

OutputCapture::~OutputCapture() { Finish(); }

std::string OutputCapture::Finish() {
  if (!memory_) return {};
  std::fflush(stdout);
  std::fflush(stderr);
  if (stdout_) ::dup2(stdout_.get(), STDOUT_FILENO);
  if (stderr_) ::dup2(stderr_.get(), STDERR_FILENO);
  stdout_.Reset();
  stderr_.Reset();
  std::string text;
  std::array<char, 4096> chunk;
  ssize_t count = 0;
  while ((count = ::pread(memory_.get(), chunk.data(), chunk.size(),
                          static_cast<off_t>(text.size()))) > 0) {
    text.append(chunk.data(), static_cast<size_t>(count));
  }
  memory_.Reset();
  return text;
}

LogBuffer::LogBuffer() {
  stream_.reset(::fopencookie(this, "w", {nullptr, WriteToBuffer, nullptr, nullptr}));
  if (stream_) std::setvbuf(stream_.get(), nullptr, _IOLBF, BUFSIZ);
}

std::string LogBuffer::Take() {
  if (stream_) std::fflush(stream_.get());
  const std::lock_guard lock(mutex_);
  return std::exchange(text_, {});
}

void LogBuffer::Write(std::string_view text) {
  const std::lock_guard lock(mutex_);
  text_.append(text);
  if (text_.size() > kBytesMax) text_.erase(0, text_.size() - kBytesMax);
}

std::string ReasonIn(std::string_view output) {
  std::string_view last;
  while (!output.empty()) {
    const size_t end = output.find('\n');
    const std::string_view line = Trim(output.substr(0, end));
    output.remove_prefix(end == std::string_view::npos ? output.size() : end + 1);
    if (line.empty()) continue;
    if (SaysError(line)) return std::string(WithoutPrefix(line));
    last = line;
  }
  return std::string(WithoutPrefix(last));
}

}  // namespace weir::port
