// weir-control --config weir.toml: see README.md beside it.
#include <pthread.h>
#include <spdlog/sinks/stdout_color_sinks.h>
#include <spdlog/spdlog.h>

#include <CLI/CLI.hpp>
#include <csignal>
#include <cstdio>

#include "control/api/version.h"
#include "control/app/control_app.h"

namespace weir::control::app {
namespace {

spdlog::level::level_enum ToSpdlog(base::LogLevel level) {
  switch (level) {
    case base::LogLevel::kDebug:
      return spdlog::level::debug;
    case base::LogLevel::kInfo:
      return spdlog::level::info;
    case base::LogLevel::kWarn:
      return spdlog::level::warn;
    case base::LogLevel::kError:
      return spdlog::level::err;
  }
  return spdlog::level::info;
}

int Fail(const base::Error& error) {
  std::fprintf(stderr, "weir-control: %s\n", error.message.c_str());
  return 1;
}

// Signals come to the main thread only, which waits for them: blocked before any thread begins.
sigset_t BlockSignals() {
  sigset_t signals;
  sigemptyset(&signals);
  sigaddset(&signals, SIGINT);
  sigaddset(&signals, SIGTERM);
  pthread_sigmask(SIG_BLOCK, &signals, nullptr);
  std::signal(SIGPIPE, SIG_IGN);
  return signals;
}

int Run(const std::filesystem::path& config_path) {
  const sigset_t signals = BlockSignals();
  auto config = base::LoadConfig(config_path);
  if (!config) return Fail(config.error());
  spdlog::set_default_logger(spdlog::stderr_color_mt("weir-control"));
  spdlog::set_pattern("%Y-%m-%dT%H:%M:%S.%e%z %n %l: %v");
  spdlog::set_level(ToSpdlog(config->log.level));
  const std::string socket = config->control.socket.string();
  const std::string address = config->control.listen_address.ToString();
  auto app =
      ControlApp::Open(std::move(*config), std::filesystem::absolute(config_path).parent_path());
  if (!app) return Fail(app.error());
  if (auto started = (*app)->Start(); !started) return Fail(started.error());
  spdlog::info("weir-control {} serves {} and {} port {}", kVersion, socket, address,
               (*app)->port());
  int signal = 0;
  while (sigwait(&signals, &signal) != 0) {
  }
  spdlog::info("ending on {}", signal == SIGINT ? "SIGINT" : "SIGTERM");
  app->reset();
  spdlog::info("ended");
  return 0;
}

}  // namespace
}  // namespace weir::control::app

int main(int argc, char** argv) {
  CLI::App app("Keeps the record, the incidents and the policy of a Weir appliance.",
               "weir-control");
  std::string config = "/etc/weir/weir.toml";
  app.add_option("--config", config, "weir.toml")->capture_default_str();
  app.set_version_flag("--version", std::string(weir::control::kVersion));
  CLI11_PARSE(app, argc, argv);
  return weir::control::app::Run(config);
}
