// weir-dataplane: see appliance.h.
#include <spdlog/sinks/stdout_color_sinks.h>
#include <spdlog/spdlog.h>
#include <sys/resource.h>

#include <cstdio>

#include "dataplane/app/dataplane/appliance.h"
#include "dataplane/app/dataplane/options.h"

namespace {

// Packets go before everything else on the machine. So does the end: a process that is killed gives
// its ports back to the kernel's bridge only as fast as it gets processor time for it.
void TakePrecedence() {
  constexpr int kNice = -15;
  if (::setpriority(PRIO_PROCESS, 0, kNice) != 0) spdlog::warn("runs without precedence");
}

int Fail(const weir::base::Error& error) {
  std::fprintf(stderr, "%s\n", error.message.c_str());
  return 1;
}

}  // namespace

int main(int argc, char** argv) {
  using namespace weir::appliance;
  const ParsedOptions parsed = ParseOptions(argc, argv);
  if (parsed.exit_code) return *parsed.exit_code;
  spdlog::set_default_logger(spdlog::stderr_color_mt("weir-dataplane"));
  spdlog::set_pattern("%Y-%m-%dT%H:%M:%S%z %n %l: %v");
  spdlog::flush_on(spdlog::level::info);

  TakePrecedence();
  auto appliance = Appliance::Start(parsed.options);
  if (!appliance) return Fail(appliance.error());
  if (*appliance == nullptr) {
    std::printf("%s: good\n", parsed.options.config.c_str());
    return 0;
  }
  const weir::base::Status ended = (*appliance)->Run();
  return ended ? 0 : Fail(ended.error());
}
