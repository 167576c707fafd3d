#include "dataplane/capture/capture_reader.h"

#include <fmt/format.h>
#include <pcap/pcap.h>

#include <algorithm>
#include <array>
#include <cstdio>

#include "dataplane/base/byte_order.h"
#include "dataplane/capture/byte_source.h"
#include "dataplane/capture/link_layer.h"

namespace weir::capture {
namespace {

constexpr size_t kEthernetHeaderBytes = 14;
constexpr int64_t kSecondsMax = INT64_MAX / base::kNsPerSecond - 1;

// pcap with microseconds, in either byte order. All other formats may hold more: pcap's variant
// with nanoseconds, and pcapng, whose interfaces say so one by one.
bool HoldsMicrosecondsOnly(std::span<const uint8_t> head) {
  if (head.size() < 4) return false;
  const auto magic = base::LoadBe<uint32_t>(head.data());
  return magic == 0xa1b2c3d4 || magic == 0xd4c3b2a1 || magic == 0xa1b2cd34 || magic == 0x34cdb2a1;
}

}  // namespace

// libpcap's reader and the bytes it reads from, closed in that order.
class CaptureReader::Handle {
 public:
  explicit Handle(std::unique_ptr<ByteSource> bytes) : source(std::move(bytes)) {}
  ~Handle() {
    if (reader != nullptr) pcap_close(reader);  // closes the stream too
  }
  Handle(const Handle&) = delete;
  Handle& operator=(const Handle&) = delete;

  std::unique_ptr<ByteSource> source;
  pcap_t* reader = nullptr;
};

base::Result<std::unique_ptr<CaptureReader>> CaptureReader::Open(const std::string& path) {
  auto source = ByteSource::Open(path);
  if (!source.ok()) return source.error();
  auto handle = std::make_unique<Handle>(std::move(*source));
  std::array<char, PCAP_ERRBUF_SIZE> why{};
  const std::string name = path == "-" ? "standard input" : path;
  std::FILE* stream = handle->source->Stream();
  if (stream == nullptr) return base::Error{fmt::format("{}: out of memory", name)};
  handle->reader =
      pcap_fopen_offline_with_tstamp_precision(stream, PCAP_TSTAMP_PRECISION_NANO, why.data());
  if (handle->reader == nullptr) {
    std::fclose(stream);
    return base::Error{fmt::format("{}: not a capture that can be read: {}", name, why.data())};
  }
  std::unique_ptr<CaptureReader> reader(new CaptureReader(std::move(handle)));
  reader->name_ = name;
  return reader;
}

CaptureReader::CaptureReader(std::unique_ptr<Handle> handle)
    : handle_(std::move(handle)),
      link_type_(pcap_datalink(handle_->reader)),
      nanoseconds_(!HoldsMicrosecondsOnly(handle_->source->head())),
      snapshot_bytes_(static_cast<uint32_t>(std::max(pcap_snapshot(handle_->reader), 0))) {}

CaptureReader::~CaptureReader() = default;

uint64_t CaptureReader::bytes_read() const { return handle_->source->bytes_read(); }
uint64_t CaptureReader::bytes_in_all() const { return handle_->source->bytes_in_all(); }

base::Result<bool> CaptureReader::Next(CaptureRecord& record) {
  pcap_pkthdr* header = nullptr;
  const u_char* data = nullptr;
  const int outcome = pcap_next_ex(handle_->reader, &header, &data);
  if (outcome == PCAP_ERROR_BREAK) return false;
  if (outcome != 1) {
    return base::Error{fmt::format("{}: stopped after {} records: {}", name_, records_,
                                   pcap_geterr(handle_->reader))};
  }
  ++records_;
  // pcapng's times go beyond what 64 bits of nanoseconds hold, and libpcap may make them negative.
  const auto seconds = std::clamp<int64_t>(header->ts.tv_sec, 0, kSecondsMax);
  record.time.ns = seconds * base::kNsPerSecond +
                   static_cast<int64_t>(header->ts.tv_usec);  // nanoseconds, as asked for
  record.original = {data, header->caplen};
  record.wire_bytes = header->len;
  FillFrame(record);
  return true;
}

bool CaptureReader::cut_short() const { return std::feof(pcap_file(handle_->reader)) != 0; }

void CaptureReader::FillFrame(CaptureRecord& record) {
  NetworkPart part;
  record.rewritten = link_type_ != DLT_EN10MB;
  frame_.clear();
  if (record.rewritten) {
    part = FindNetworkPart(link_type_, record.original).value_or(NetworkPart{0, kEtherTypeNothing});
    frame_.assign(kEthernetHeaderBytes, 0);
    base::StoreBe(frame_.data() + kEthernetHeaderBytes - 2, part.ether_type);
  }
  const size_t bytes_before = frame_.size();
  const auto rest = record.original.subspan(part.offset);
  frame_.insert(frame_.end(), rest.begin(), rest.end());
  record.frame = frame_;
  record.link_bytes = part.offset;
  const size_t wire_bytes = std::max<size_t>(record.wire_bytes, record.original.size());
  const size_t frame_wire_bytes = bytes_before + wire_bytes - part.offset;
  record.frame_wire_bytes = static_cast<uint32_t>(std::min<size_t>(frame_wire_bytes, UINT32_MAX));
}

std::vector<uint8_t> InLinkTypeOf(const CaptureRecord& record, std::span<const uint8_t> frame) {
  if (!record.rewritten) return {frame.begin(), frame.end()};
  const auto link = record.original.first(record.link_bytes);
  std::vector<uint8_t> made(link.begin(), link.end());
  const auto network = frame.subspan(std::min(frame.size(), kEthernetHeaderBytes));
  made.insert(made.end(), network.begin(), network.end());
  return made;
}

}  // namespace weir::capture
