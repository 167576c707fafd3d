// The records of a capture file, one at a time, each also as the Ethernet frame that the pipeline
// reads.
//
// pcap and pcapng, any byte order, any precision, any link type. One thread; a record's views live
// until the next call.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "dataplane/base/result.h"
#include "dataplane/base/time.h"

namespace weir::capture {

struct CaptureRecord {
  base::WallTime time;
  std::span<const uint8_t> original;  // as in the file
  uint32_t wire_bytes = 0;            // its length on the wire, as the file says

  // What the pipeline reads: of Ethernet a copy; else an Ethernet header with zero addresses, and
  // the original from `link_bytes` on.
  std::span<uint8_t> frame;
  uint32_t frame_wire_bytes = 0;  // never less than frame.size(), whatever the file says
  bool rewritten = false;         // frame is not a copy
  uint32_t link_bytes = 0;        // of the original's own link header, where rewritten
};

class CaptureReader {
 public:
  // "-" is standard input. Fails, naming the file, when it cannot be read or is not a capture.
  static base::Result<std::unique_ptr<CaptureReader>> Open(const std::string& path);
  ~CaptureReader();
  CaptureReader(const CaptureReader&) = delete;
  CaptureReader& operator=(const CaptureReader&) = delete;

  // False at the end. Fails when the file is cut or contradicts itself; the records before hold,
  // and no more will come.
  base::Result<bool> Next(CaptureRecord& record);
  // Next() failed because the file ends within a record, as it does when whoever wrote it was
  // ended.
  bool cut_short() const;

  int link_type() const { return link_type_; }       // libpcap's DLT_ value
  bool nanoseconds() const { return nanoseconds_; }  // false where the file holds microseconds only
  uint32_t snapshot_bytes() const { return snapshot_bytes_; }
  uint64_t records() const { return records_; }
  uint64_t bytes_read() const;
  uint64_t bytes_in_all() const;  // 0: not known (a pipe)

 private:
  class Handle;

  explicit CaptureReader(std::unique_ptr<Handle> handle);
  void FillFrame(CaptureRecord& record);

  std::unique_ptr<Handle> handle_;
  std::string name_;
  int link_type_ = 0;
  bool nanoseconds_ = false;
  uint32_t snapshot_bytes_ = 0;
  uint64_t records_ = 0;
  std::vector<uint8_t> frame_;
};

// A frame that Weir made in answer to `record`, as a record of the same link type: as it is for
// Ethernet, else with the link header of `record` in front of its network part.
std::vector<uint8_t> InLinkTypeOf(const CaptureRecord& record, std::span<const uint8_t> frame);

}  // namespace weir::capture
