// A client's UDP datagrams. A fuzzer cannot guess keys, so parts of the input are sealed here into
// Initials and get as far as a real client's would. The input is a row of pieces:
//   mode (1 byte), length (2 bytes), bytes
//   mode & 1: the bytes are frames to seal, else a whole datagram; & 6: the version; & 8: another
//   id; & 16: under a number that is not listed
#include <cstdint>
#include <memory>

#include "dataplane/base/cursor.h"
#include "dataplane/names/name_finder.h"
#include "fuzz_check.h"
#include "tests/unit/dataplane_names/quic_builder.h"

using namespace weir::names;

namespace {

constexpr size_t kFramesBytesMax = 2000;

class CheckingSink : public NameSink {
 public:
  void OnName(const HostName& name, Source source) override {
    FUZZ_CHECK(name.bytes > 0);
    FUZZ_CHECK(source == Source::kQuicSni || source == Source::kDnsQuery);
  }
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  static const std::unique_ptr<NameContext> context = NameContext::Create(2).value();
  constexpr uint32_t kVersions[] = {0x00000001, 0x6b3343cf, 0x51303530, 0x54303531};
  UdpNameFinder finder;
  CheckingSink sink;
  weir::base::Cursor pieces(ByteSpan(data, size));
  for (uint64_t number = 1; !pieces.empty() && number < 20; ++number) {
    const uint8_t mode = pieces.U8();
    const size_t bytes = std::min<size_t>(pieces.U16(), pieces.left());
    const ByteSpan piece = pieces.Bytes(bytes);
    if ((mode & 1) == 0 || piece.size() > kFramesBytesMax) {
      finder.Consume(piece, {40000, 443}, *context, sink);
      continue;
    }
    testing::InitialSpec spec;
    spec.version = kVersions[(mode >> 1) & 3];
    spec.number = number;
    if ((mode & 8) != 0) spec.dcid.back() ^= 1;
    if ((mode & 16) != 0) {
      spec.sealed_as = spec.version;
      spec.version = 0xfaceb003;
      spec.pad_to = 1200;
    }
    const Outcome outcome = finder.Consume(testing::SealInitial(spec, piece, context->crypto()),
                                           {40000, 443}, *context, sink);
    FUZZ_CHECK(outcome != Outcome::kNotThis);
  }
  return 0;
}
