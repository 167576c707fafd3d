// Files of a test's own, written byte for byte, gone with the object.
#pragma once

#include <gtest/gtest.h>
#include <unistd.h>

#include <cstdint>
#include <cstdlib>
#include <fstream>
#include <iterator>
#include <string>
#include <vector>

namespace weir::capture {

using Bytes = std::vector<uint8_t>;

class TestFile {
 public:
  explicit TestFile(const Bytes& content = {}) : path_(testing::TempDir() + "weir-capture-XXXXXX") {
    const int descriptor = mkstemp(path_.data());
    EXPECT_GE(descriptor, 0);
    close(descriptor);
    std::ofstream(path_, std::ios::binary)
        .write(reinterpret_cast<const char*>(content.data()),
               static_cast<std::streamsize>(content.size()));
  }
  ~TestFile() { unlink(path_.c_str()); }
  TestFile(const TestFile&) = delete;
  TestFile& operator=(const TestFile&) = delete;

  const std::string& path() const { return path_; }
  Bytes content() const {
    std::ifstream file(path_, std::ios::binary);
    return {std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
  }

 private:
  std::string path_;
};

// Builds files of the formats by hand, in the little-endian order of most.
class FileBytes {
 public:
  FileBytes& U16(uint16_t value) { return Number(value, 2); }
  FileBytes& U32(uint32_t value) { return Number(value, 4); }
  FileBytes& Raw(const Bytes& bytes) {
    bytes_.insert(bytes_.end(), bytes.begin(), bytes.end());
    return *this;
  }
  FileBytes& PcapHeader(uint32_t magic, uint32_t link_type) {
    return U32(magic).U16(2).U16(4).U32(0).U32(0).U32(65535).U32(link_type);
  }
  FileBytes& PcapRecord(uint32_t seconds, uint32_t fraction, const Bytes& data, uint32_t wire) {
    U32(seconds).U32(fraction).U32(static_cast<uint32_t>(data.size())).U32(wire);
    return Raw(data);
  }
  const Bytes& bytes() const { return bytes_; }

 private:
  FileBytes& Number(uint32_t value, int bytes) {
    for (int i = 0; i < bytes; ++i) bytes_.push_back(static_cast<uint8_t>(value >> (8 * i)));
    return *this;
  }

  Bytes bytes_;
};

inline constexpr uint32_t kMicroMagic = 0xa1b2c3d4;
inline constexpr uint32_t kNanoMagic = 0xa1b23c4d;

}  // namespace weir::capture
