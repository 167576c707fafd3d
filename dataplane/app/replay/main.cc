// weir-replay: the pipeline of weir-dataplane over capture files. See README.md and INTERFACES.
#include <fmt/format.h>

#include <cstdio>

#include "dataplane/app/replay/options.h"
#include "dataplane/app/replay/replay.h"
#include "dataplane/app/replay/summary.h"

namespace {

constexpr int kDone = 0, kBroken = 1, kUsage = 2;

int Fail(const weir::base::Error& error, int exit_code) {
  fmt::print(stderr, "weir-replay: {}\n", error.message);
  return exit_code;
}

weir::base::Status WriteSummary(const weir::replay::Replay& replay, double elapsed_s) {
  const std::string& path = replay.options().summary;
  if (path.empty()) return {};
  auto out = weir::replay::TextOutput::Open(path);
  if (!out.ok()) return out.error();
  (*out)->WriteLine(weir::replay::SummaryJson(replay, elapsed_s));
  return (*out)->Close();
}

}  // namespace

int main(int argc, char** argv) {
  auto parsed = weir::replay::ParseCommandLine(argc, argv);
  if (!parsed.run) {
    fmt::print(parsed.exit_code == kDone ? stdout : stderr, "{}", parsed.text);
    return parsed.exit_code;
  }
  const weir::base::MonoTime start = weir::base::MonoNow();
  auto replay = weir::replay::Replay::Prepare(std::move(parsed.options));
  if (!replay.ok()) return Fail(replay.error(), kUsage);
  const weir::base::Status ran = (*replay)->Run();
  const double elapsed_s =
      static_cast<double>(weir::base::MonoNow().ns - start.ns) / weir::base::kNsPerSecond;
  const weir::base::Status summed = WriteSummary(**replay, elapsed_s);
  if (!ran.ok()) return Fail(ran.error(), kBroken);
  if (!summed.ok()) return Fail(summed.error(), kBroken);
  return (*replay)->all_inputs_read() ? kDone : kBroken;
}
