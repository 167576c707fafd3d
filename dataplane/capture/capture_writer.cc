#include "dataplane/capture/capture_writer.h"

#include <fmt/format.h>
#include <pcap/pcap.h>

#include <cerrno>
#include <cstring>

namespace weir::capture {

// libpcap's writer and the description it writes from.
class CaptureWriter::Handle {
 public:
  Handle() = default;
  ~Handle() {
    if (file != nullptr) pcap_dump_close(file);
    if (description != nullptr) pcap_close(description);
  }
  Handle(const Handle&) = delete;
  Handle& operator=(const Handle&) = delete;

  pcap_t* description = nullptr;
  pcap_dumper_t* file = nullptr;
};

base::Result<std::unique_ptr<CaptureWriter>> CaptureWriter::Open(const std::string& path,
                                                                 const CaptureFormat& format) {
  auto handle = std::make_unique<Handle>();
  const std::string name = path == "-" ? "standard output" : path;
  handle->description = pcap_open_dead_with_tstamp_precision(
      format.link_type, static_cast<int>(format.snapshot_bytes),
      format.nanoseconds ? PCAP_TSTAMP_PRECISION_NANO : PCAP_TSTAMP_PRECISION_MICRO);
  if (handle->description == nullptr) return base::Error{fmt::format("{}: out of memory", name)};
  handle->file = pcap_dump_open(handle->description, path.c_str());
  if (handle->file == nullptr) {
    return base::Error{fmt::format("cannot write {}", pcap_geterr(handle->description))};
  }
  return std::unique_ptr<CaptureWriter>(new CaptureWriter(name, format, std::move(handle)));
}

CaptureWriter::CaptureWriter(std::string name, const CaptureFormat& format,
                             std::unique_ptr<Handle> handle)
    : name_(std::move(name)), format_(format), handle_(std::move(handle)) {}

CaptureWriter::~CaptureWriter() = default;

base::Error CaptureWriter::WriteError() const {
  return base::Error{fmt::format("cannot write {}: {}", name_, std::strerror(errno))};
}

base::Status CaptureWriter::Write(base::WallTime time, std::span<const uint8_t> record,
                                  uint32_t wire_bytes) {
  // Seconds round down, so that the fraction is never negative.
  int64_t seconds = time.ns / base::kNsPerSecond;
  int64_t fraction_ns = time.ns % base::kNsPerSecond;
  if (fraction_ns < 0) {
    --seconds;
    fraction_ns += base::kNsPerSecond;
  }
  pcap_pkthdr header{};
  header.ts.tv_sec = seconds;
  header.ts.tv_usec = format_.nanoseconds ? fraction_ns : fraction_ns / base::kNsPerUs;
  header.caplen = static_cast<uint32_t>(record.size());
  header.len = wire_bytes;
  errno = 0;
  // libpcap takes its handle as a pointer to bytes, so that it fits pcap_loop().
  pcap_dump(reinterpret_cast<u_char*>(handle_->file), &header, record.data());
  if (std::ferror(pcap_dump_file(handle_->file)) != 0) return WriteError();
  return {};
}

base::Status CaptureWriter::Close() {
  if (handle_->file == nullptr) return {};
  errno = 0;
  const bool flushed = pcap_dump_flush(handle_->file) == 0;
  if (!flushed) return WriteError();
  pcap_dump_close(handle_->file);
  handle_->file = nullptr;
  return {};
}

}  // namespace weir::capture
