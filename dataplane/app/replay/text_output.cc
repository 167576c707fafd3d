#include "dataplane/app/replay/text_output.h"

#include <fmt/format.h>

#include <cerrno>
#include <cstring>

namespace weir::replay {

base::Result<std::unique_ptr<TextOutput>> TextOutput::Open(const std::string& path) {
  const bool to_stdout = path == "-";
  std::FILE* file = to_stdout ? stdout : std::fopen(path.c_str(), "we");
  if (file == nullptr) {
    return base::Error{fmt::format("cannot write {}: {}", path, std::strerror(errno))};
  }
  return std::unique_ptr<TextOutput>(new TextOutput(to_stdout ? "standard output" : path, file));
}

TextOutput::~TextOutput() { static_cast<void>(Close()); }

void TextOutput::WriteLine(std::string_view line) {
  if (file_ == nullptr || error_ != 0) return;
  const bool written = std::fwrite(line.data(), 1, line.size(), file_) == line.size() &&
                       std::fputc('\n', file_) != EOF;
  if (!written) error_ = errno;
}

base::Status TextOutput::Close() {
  if (file_ == nullptr) return {};
  errno = 0;
  if (std::fflush(file_) != 0 && error_ == 0) error_ = errno;
  if (file_ != stdout && std::fclose(file_) != 0 && error_ == 0) error_ = errno;
  file_ = nullptr;
  if (error_ == 0) return {};
  return base::Error{fmt::format("cannot write {}: {}", name_, std::strerror(error_))};
}

}  // namespace weir::replay
