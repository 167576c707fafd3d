#include "tests/component/dataplane_app/pcap_file.h"

#include <array>
#include <cstring>
#include <fstream>
#include <iterator>

namespace weir::testing {
namespace {

constexpr uint32_t kMagic = 0xa1b2c3d4;
constexpr size_t kFileHeaderBytes = 24;
constexpr size_t kRecordHeaderBytes = 16;

}  // namespace

void WritePcap(const std::filesystem::path& path, const std::vector<Bytes>& frames) {
  std::ofstream file(path, std::ios::binary | std::ios::trunc);
  const std::array<uint32_t, 6> header = {kMagic, 0x00040002, 0, 0, 262144, 1};
  file.write(reinterpret_cast<const char*>(header.data()), sizeof header);
  uint32_t second = 0;
  for (const Bytes& frame : frames) {
    const auto bytes = static_cast<uint32_t>(frame.size());
    const std::array<uint32_t, 4> record = {++second, 0, bytes, bytes};
    file.write(reinterpret_cast<const char*>(record.data()), sizeof record);
    file.write(reinterpret_cast<const char*>(frame.data()), static_cast<std::streamsize>(bytes));
  }
}

std::vector<Bytes> ReadPcap(const std::filesystem::path& path) {
  std::ifstream file(path, std::ios::binary);
  const Bytes all((std::istreambuf_iterator<char>(file)), std::istreambuf_iterator<char>());
  std::vector<Bytes> frames;
  size_t at = kFileHeaderBytes;
  while (at + kRecordHeaderBytes <= all.size()) {
    uint32_t bytes = 0;
    std::memcpy(&bytes, all.data() + at + 8, sizeof bytes);
    at += kRecordHeaderBytes;
    if (at + bytes > all.size()) break;
    const auto begin = all.begin() + static_cast<std::ptrdiff_t>(at);
    frames.emplace_back(begin, begin + static_cast<std::ptrdiff_t>(bytes));
    at += bytes;
  }
  return frames;
}

}  // namespace weir::testing
