// Captures: records of any link type, and whole files, which libpcap takes apart first.
//
// The first byte: 0 a file; else which link type the record has that follows.
#include <pcap/dlt.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <string>

#include "dataplane/base/byte_order.h"
#include "dataplane/base/unique_fd.h"
#include "dataplane/capture/capture_reader.h"
#include "dataplane/capture/link_layer.h"
#include "fuzz_check.h"

using namespace weir;
using namespace weir::capture;

namespace {

constexpr size_t kRecordsMax = 100;
constexpr size_t kEthernetHeaderBytes = 14;
constexpr int kLinkTypes[] = {DLT_EN10MB,
                              DLT_NULL,
                              DLT_LOOP,
                              DLT_ENC,
                              DLT_RAW,
                              DLT_PPP,
                              DLT_C_HDLC,
                              DLT_PPP_WITH_DIR,
                              DLT_PPP_ETHER,
                              DLT_LINUX_SLL,
                              DLT_LINUX_SLL2,
                              DLT_IEEE802_11,
                              DLT_IEEE802_11_RADIO,
                              DLT_PRISM_HEADER,
                              DLT_IEEE802_11_RADIO_AVS,
                              DLT_PPI,
                              DLT_IEEE802,
                              DLT_FDDI,
                              DLT_ATM_RFC1483,
                              DLT_IP_OVER_FC,
                              DLT_FRELAY,
                              DLT_NFLOG,
                              DLT_PFLOG,
                              DLT_NETANALYZER,
                              DLT_USB_LINUX};

void CheckRecord(const CaptureRecord& record) {
  FUZZ_CHECK(record.frame_wire_bytes >= record.frame.size());
  FUZZ_CHECK(std::ranges::equal(InLinkTypeOf(record, record.frame), record.original));
  if (!record.rewritten) {
    FUZZ_CHECK(std::ranges::equal(record.frame, record.original));
    return;
  }
  FUZZ_CHECK(record.link_bytes <= record.original.size());
  FUZZ_CHECK(record.frame.size() ==
             kEthernetHeaderBytes + record.original.size() - record.link_bytes);
}

void ReadFile(const uint8_t* data, size_t size) {
  const base::UniqueFd file(memfd_create("capture", MFD_CLOEXEC));
  FUZZ_CHECK(write(file.get(), data, size) == static_cast<ssize_t>(size));
  const auto reader = CaptureReader::Open("/proc/self/fd/" + std::to_string(file.get()));
  if (!reader.ok()) {
    FUZZ_CHECK(!reader.error().message.empty());
    return;
  }
  CaptureRecord record;
  for (size_t i = 1; i <= kRecordsMax; ++i) {
    const auto more = (*reader)->Next(record);
    FUZZ_CHECK((*reader)->bytes_read() <= size && (*reader)->bytes_in_all() == size);
    if (!more.ok() || !*more) break;
    FUZZ_CHECK((*reader)->records() == i);
    CheckRecord(record);
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size == 0) return 0;
  if (data[0] == 0) {
    ReadFile(data + 1, size - 1);
    return 0;
  }
  const int link_type = kLinkTypes[data[0] % std::size(kLinkTypes)];
  const auto part = FindNetworkPart(link_type, {data + 1, size - 1});
  FUZZ_CHECK(!part.has_value() || part->offset <= size - 1);
  FUZZ_CHECK(!LinkTypeName(link_type).empty());
  return 0;
}
