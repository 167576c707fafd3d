// A client's TCP stream, whatever its protocol: in pieces it gives the names, the reason and the
// end that it gives whole. The first byte chooses port and size of the pieces.
#include <cstdint>
#include <memory>
#include <string>

#include "dataplane/names/name_finder.h"
#include "fuzz_check.h"

using namespace weir::names;

namespace {

constexpr size_t kStreamBytesMax = 4096;
// Of a DNS message, which is the most: all its questions, behind some requests.
constexpr size_t kToldMax = 32;

class TextSink : public NameSink {
 public:
  void OnName(const HostName& name, Source source) override {
    FUZZ_CHECK(name.bytes > 0);
    ++told;
    text += std::string(SourceName(source)) + " " + std::string(name.view()) + "\n";
  }
  std::string text;
  size_t told = 0;
};

struct Fed {
  std::string names;
  Coverage coverage;
  bool finished;
  bool operator==(const Fed&) const = default;
};

Fed Feed(ByteSpan stream, size_t piece, uint16_t port, NameContext& context) {
  TcpNameFinder finder(port);
  TextSink sink;
  size_t begin = 0;
  for (size_t end = std::min(piece, stream.size());; end = std::min(end + piece, stream.size())) {
    FinderStep step;
    do {
      const size_t told = sink.told;
      step = finder.Consume(stream.subspan(begin, end - begin), context, sink);
      FUZZ_CHECK(step.consumed <= end - begin);
      FUZZ_CHECK(!step.paused || step.consumed > 0);
      FUZZ_CHECK(sink.told - told <= kToldMax);
      begin += step.consumed;
    } while (step.paused);
    if (end == stream.size()) break;
  }
  return {sink.text, finder.coverage(), finder.finished()};
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  static const std::unique_ptr<NameContext> context = NameContext::Create(1).value();
  if (size < 1) return 0;
  const uint16_t port = (data[0] & 0x80) != 0 ? 53 : 443;
  const size_t piece = 1 + (data[0] & 0x1f);
  const ByteSpan stream = ByteSpan(data, size).subspan(1, std::min(size - 1, kStreamBytesMax));
  FUZZ_CHECK(Feed(stream, stream.size() + 1, port, *context) ==
             Feed(stream, piece, port, *context));
  return 0;
}
