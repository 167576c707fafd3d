// A file or standard input as a stream that libpcap can read, with its first bytes known beforehand
// and its progress counted. libpcap itself tells neither how precise a file's times are nor how far
// it is.
#pragma once

#include <array>
#include <cstdint>
#include <cstdio>
#include <memory>
#include <span>
#include <string>

#include "dataplane/base/result.h"

namespace weir::capture {

class ByteSource {
 public:
  static constexpr size_t kPeekBytes = 4;

  // "-" is standard input. Fails when the file cannot be opened or read.
  static base::Result<std::unique_ptr<ByteSource>> Open(const std::string& path);
  ~ByteSource();
  ByteSource(const ByteSource&) = delete;
  ByteSource& operator=(const ByteSource&) = delete;

  // The first bytes, fewer in a shorter file. They are still to come from the stream.
  std::span<const uint8_t> head() const { return {head_.data(), head_bytes_}; }
  // A stream over all the bytes; whoever takes it closes it, before the source is destroyed.
  std::FILE* Stream();

  uint64_t bytes_read() const { return bytes_read_; }
  uint64_t bytes_in_all() const { return bytes_in_all_; }  // 0: not known (a pipe)

 private:
  ByteSource(int descriptor, bool owned) : descriptor_(descriptor), owned_(owned) {}
  base::Status Peek(const std::string& path);
  int64_t Read(char* out, size_t bytes);

  const int descriptor_;
  const bool owned_;
  std::array<uint8_t, kPeekBytes> head_{};
  size_t head_bytes_ = 0;
  uint64_t bytes_read_ = 0;
  uint64_t bytes_in_all_ = 0;
};

}  // namespace weir::capture
