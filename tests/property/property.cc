#include "tests/property/property.h"

#include "dataplane/capture/capture_writer.h"
#include "tests/property/fault.h"

namespace weir::property {
namespace {

std::unique_ptr<testing::PipelineHarness> MakeBench(const Case& of) {
  return std::make_unique<testing::PipelineHarness>(
      std::string(Policies()[of.exchange.policy].text));
}

std::string WriteFrames(const Case& of, const std::string& folder) {
  const Outcome outcome = Converse(*MakeBench(of), of, true);
  const std::string path = folder + "weir_property_" + std::to_string(of.seed) + ".pcap";
  auto writer = capture::CaptureWriter::Open(path, {});
  if (!writer) return writer.error().message;
  std::string verdicts;
  int64_t ns = 0;
  for (const WireFrame& frame : outcome.frames) {
    ns += base::kNsPerMs;
    verdicts += frame.passed ? '.' : 'x';
    const auto written = (*writer)->Write(base::WallTime{ns}, frame.frame,
                                          static_cast<uint32_t>(frame.frame.size()));
    if (!written) return written.error().message;
  }
  return path + "\npassed and dropped: " + verdicts;
}

}  // namespace

testing::PipelineHarness& Benches::For(const Case& of) {
  benches_.resize(Policies().size());
  Bench& bench = benches_[of.exchange.policy];
  if (bench.harness == nullptr || ++bench.cases == kCasesMax) {
    bench.harness = MakeBench(of);
    bench.cases = 0;
  }
  return *bench.harness;
}

std::optional<std::string> FaultOf(Benches& benches, const Case& of) {
  if (of.hostile) return HostileFault(of, Converse(benches.For(of), of));
  Case plain = of;
  plain.ops.clear();
  const Outcome reference = Converse(benches.For(of), plain);
  if (auto fault = PlainFault(plain, reference)) return fault;
  return HonestFault(of, reference, Converse(benches.For(of), of));
}

namespace {

std::optional<std::string> FaultAlone(const Case& of) {
  Benches fresh;
  return FaultOf(fresh, of);
}

// Without the elements [begin, end) of a list.
template <typename List>
List Without(const List& list, size_t begin, size_t end) {
  List out(list.begin(), list.begin() + static_cast<ptrdiff_t>(begin));
  out.insert(out.end(), list.begin() + static_cast<ptrdiff_t>(end), list.end());
  return out;
}

// Takes out halves, quarters, … single elements, as long as there is still a fault.
template <typename List>
bool Shrink(const Case& of, List& list, const Fails& fails) {
  bool shrunk = false;
  for (size_t piece = std::max<size_t>(1, list.size() / 2); piece > 0; piece /= 2) {
    for (size_t at = 0; at < list.size();) {
      const List before = list;
      list = Without(list, at, std::min(list.size(), at + piece));
      if (list.size() < before.size() && fails(of)) {
        shrunk = true;
      } else {
        list = before;
        at += piece;
      }
    }
  }
  return shrunk;
}

}  // namespace

Case Minimise(const Case& failing, const Fails& fails) {
  Case smallest = failing;
  bool shrunk = true;
  while (shrunk) {
    shrunk = Shrink(smallest, smallest.ops, fails);
    auto& messages = smallest.exchange.messages;
    for (size_t i = 0; messages.size() > 1 && i < messages.size(); ++i) {
      const auto before = messages;
      messages = Without(messages, i, i + 1);
      messages.front().at_once = false;
      if (fails(smallest)) {
        shrunk = true;
      } else {
        messages = before;
      }
    }
  }
  return smallest;
}

std::optional<std::string> TrySeeds(uint64_t first, uint64_t count, bool hostile,
                                    const std::string& folder) {
  Benches benches;
  for (uint64_t seed = first; seed < first + count; ++seed) {
    const Case tried = MakeCase(seed, hostile);
    const auto fault = FaultOf(benches, tried);
    if (!fault.has_value()) continue;
    const std::string again = "\nagain: WEIR_SEED=" + std::to_string(seed) + "\n";
    if (!FaultAlone(tried).has_value()) {
      return "only after the cases before it: " + *fault + again + Words(tried);
    }
    const Case smallest =
        Minimise(tried, [](const Case& of) { return FaultAlone(of).has_value(); });
    return FaultAlone(smallest).value_or("") + again + Words(smallest) +
           "frames: " + WriteFrames(smallest, folder) + "\n";
  }
  return std::nullopt;
}

}  // namespace weir::property
