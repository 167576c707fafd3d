#include "tests/property/property.h"

#include <algorithm>
#include <sstream>

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

// Without the elements [begin, end) of a list.
std::vector<uint32_t> Without(const std::vector<uint32_t>& list, size_t begin, size_t end) {
  std::vector<uint32_t> out(list.begin(), list.begin() + static_cast<ptrdiff_t>(begin));
  out.insert(out.end(), list.begin() + static_cast<ptrdiff_t>(end), list.end());
  return out;
}

// `least`: so many stay.
bool Shrink(std::vector<uint32_t>& list, size_t least, const std::function<bool()>& fails) {
  bool shrunk = false;
  for (size_t piece = std::max<size_t>(1, list.size() / 2); piece > 0; piece /= 2) {
    for (size_t at = 0; at < list.size();) {
      const std::vector<uint32_t> before = list;
      list = Without(list, at, std::min(list.size(), at + piece));
      if (list.size() >= least && fails()) {
        shrunk = true;
      } else {
        list = before;
        at += piece;
      }
    }
  }
  return shrunk;
}

std::string Numbers(const std::vector<uint32_t>& numbers) {
  std::string text;
  for (const uint32_t number : numbers) text += (text.empty() ? "" : ",") + std::to_string(number);
  return text;
}

std::optional<std::string> Alone(const Judge& judge, const Case& of) {
  Benches fresh;
  return judge(fresh, of);
}

std::string Again(const Case& of, const Kept& kept) {
  return "again: WEIR_SEED=" + std::to_string(of.seed) + ' ' + Words(kept) +
         " property_test --gtest_filter=Property." + (of.hostile ? "ABlocked" : "AnExchange") +
         "*\n";
}

}  // namespace

Kept AllOf(const Case& of) {
  Kept all;
  for (uint32_t i = 0; i < of.ops.size(); ++i) all.ops.push_back(i);
  for (uint32_t i = 0; i < of.exchange.messages.size(); ++i) all.messages.push_back(i);
  return all;
}

Case Reduced(const Case& whole, const Kept& kept) {
  Case reduced = whole;
  reduced.ops.clear();
  reduced.exchange.messages.clear();
  for (const uint32_t number : kept.ops) reduced.ops.push_back(whole.ops.at(number));
  for (const uint32_t number : kept.messages) {
    reduced.exchange.messages.push_back(whole.exchange.messages.at(number));
  }
  reduced.exchange.messages.front().at_once = false;
  return reduced;
}

std::string Words(const Kept& kept) {
  return "WEIR_OPS=" + Numbers(kept.ops) + " WEIR_MESSAGES=" + Numbers(kept.messages);
}

std::vector<uint32_t> ReadNumbers(const std::string& words) {
  std::vector<uint32_t> numbers;
  std::istringstream stream(words);
  for (std::string number; std::getline(stream, number, ',');) {
    numbers.push_back(static_cast<uint32_t>(std::stoul(number)));
  }
  return numbers;
}

Kept Minimise(const Case& whole, const Kept& from, const Fails& fails) {
  Kept kept = from;
  const auto fails_still = [&] { return fails(Reduced(whole, kept)); };
  bool shrunk = true;
  while (shrunk) {
    shrunk = Shrink(kept.ops, 0, fails_still);
    shrunk = Shrink(kept.messages, 1, fails_still) || shrunk;
  }
  return kept;
}

std::optional<std::string> Try(const Trial& trial, const Judge& judge) {
  Benches benches;
  for (uint64_t seed = trial.first; seed < trial.first + trial.count; ++seed) {
    const Case whole = MakeCase(seed, trial.hostile);
    const Kept tried = trial.kept(whole);
    const auto fault = judge(benches, Reduced(whole, tried));
    if (!fault.has_value()) continue;
    if (!Alone(judge, Reduced(whole, tried)).has_value()) {
      return "only after the cases before it: " + *fault + '\n' + Again(whole, tried) +
             Words(whole);
    }
    const Kept kept =
        Minimise(whole, tried, [&](const Case& of) { return Alone(judge, of).has_value(); });
    const Case smallest = Reduced(whole, kept);
    return Alone(judge, smallest).value_or("") + '\n' + Again(whole, kept) + Words(smallest) +
           "frames: " + WriteFrames(smallest, trial.folder) + "\n";
  }
  return std::nullopt;
}

}  // namespace weir::property
