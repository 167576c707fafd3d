#include "dataplane/app/dataplane/options.h"

#include <CLI/CLI.hpp>

namespace weir::appliance {

ParsedOptions ParseOptions(int argc, char** argv) {
  ParsedOptions parsed;
  Options& options = parsed.options;
  CLI::App app("Weir's data plane: forwards between two ports, and blocks and records on the way.",
               "weir-dataplane");
  app.add_option("--config", options.config, "weir.toml")->required();
  app.add_option("--duration", options.duration_s, "seconds to run; without it until a signal");
  app.add_option("--summary", options.summary, "JSON file to write at the end");
  app.add_flag("--check", options.check,
               "read configuration and rules, look at the ports, and start nothing");
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    const int code = app.exit(error);
    parsed.exit_code = code == 0 ? 0 : 2;
  }
  return parsed;
}

}  // namespace weir::appliance
