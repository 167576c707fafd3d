// A pcap file being written, record by record. One thread.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>

#include "dataplane/base/result.h"
#include "dataplane/base/time.h"

namespace weir::capture {

struct CaptureFormat {
  int link_type = 1;  // libpcap's DLT_ value; 1 is Ethernet
  bool nanoseconds = false;
  uint32_t snapshot_bytes = 262144;
};

class CaptureWriter {
 public:
  // "-" is standard output. An existing file is replaced.
  static base::Result<std::unique_ptr<CaptureWriter>> Open(const std::string& path,
                                                           const CaptureFormat& format);
  ~CaptureWriter();
  CaptureWriter(const CaptureWriter&) = delete;
  CaptureWriter& operator=(const CaptureWriter&) = delete;

  // `wire_bytes`: the length before the capture cut it. Without nanoseconds the time is cut to
  // microseconds.
  base::Status Write(base::WallTime time, std::span<const uint8_t> record, uint32_t wire_bytes);
  // Everything written is with the system afterwards, or the reason why not (a full disk).
  base::Status Close();

  const CaptureFormat& format() const { return format_; }

 private:
  class Handle;

  CaptureWriter(std::string name, const CaptureFormat& format, std::unique_ptr<Handle> handle);
  base::Error WriteError() const;

  const std::string name_;
  const CaptureFormat format_;
  std::unique_ptr<Handle> handle_;
};

}  // namespace weir::capture
