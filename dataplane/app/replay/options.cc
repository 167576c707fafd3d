#include "dataplane/app/replay/options.h"

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <array>
#include <filesystem>
#include <sstream>

#include "dataplane/base/config.h"

namespace weir::replay {
namespace {

constexpr uint32_t kFlowsLimitMax = 50'000'000;

constexpr const char* kDescription =
    "Runs Weir's pipeline over captures, in the captures' own time, and always with the same "
    "result.\n"
    "Reads pcap and pcapng of any link type; FILE may be - for a pipe.\n"
    "Exit code: 0 done, though a capture may end within a packet, which is told; 1 an input could\n"
    "not be read to its end or an output not be written; 2 usage, rules or accounts.";

base::Status Outputs(const Options& options) {
  const std::array<const std::string*, 4> outputs = {&options.out, &options.sessions,
                                                     &options.events, &options.summary};
  std::vector<std::string> used;
  for (const std::string* output : outputs) {
    if (output->empty() || *output == "/dev/null") continue;
    if (std::find(used.begin(), used.end(), *output) != used.end()) {
      return base::Error{fmt::format("two outputs to '{}': give each its own", *output)};
    }
    used.push_back(*output);
    for (const std::string& input : options.inputs) {
      std::error_code ignored;
      if (*output != "-" && std::filesystem::equivalent(input, *output, ignored)) {
        return base::Error{fmt::format("'{}' is an input: it would be overwritten", *output)};
      }
    }
  }
  if (std::count(options.inputs.begin(), options.inputs.end(), "-") > 1) {
    return base::Error{"standard input can be read only once"};
  }
  return {};
}

base::Status Prefixes(std::string_view option, const std::vector<std::string>& texts,
                      std::vector<base::IpPrefix>& out) {
  for (const std::string& text : texts) {
    const auto prefix = base::IpPrefix::Parse(text);
    if (!prefix.ok()) return base::Error{fmt::format("{}: {}", option, prefix.error().message)};
    out.push_back(*prefix);
  }
  return {};
}

Parsed Refused(const std::string& why) {
  return {.options = {},
          .run = false,
          .exit_code = 2,
          .text = fmt::format("weir-replay: {}\nweir-replay --help says more\n", why)};
}

}  // namespace

Parsed ParseCommandLine(int argc, const char* const* argv) {
  Parsed parsed;
  Options& options = parsed.options;
  std::vector<std::string> inside;
  std::vector<std::string> dhcp_servers;
  std::string eve;
  CLI::App app(kDescription, "weir-replay");
  app.add_option("--rules", options.rules, "Rules file or glob; several count in this order")
      ->type_name("FILE");
  app.add_option("--out", options.out, "Packets that would have been forwarded, as pcap")
      ->type_name("OUT.pcap");
  app.add_option("--sessions", options.sessions, "Session records, by start")
      ->type_name("OUT.jsonl");
  app.add_option("--events", options.events, "Findings, leases and health, by time")
      ->type_name("OUT.jsonl");
  app.add_option("--eve", eve, "Suricata's EVE JSON (not supported yet)")->type_name("OUT.json");
  app.add_option("--inside", inside, "Addresses of the inside; without it directions are unknown")
      ->type_name("CIDR");
  app.add_option("--dhcp-server", dhcp_servers, "Whose DHCP answers are leases; without it none")
      ->type_name("CIDR");
  app.add_option("--accounts", options.accounts, "Registry: account,ip,mac,group,room,seat")
      ->type_name("FILE.csv");
  app.add_option("--workers", options.workers, "Pipelines to divide the packets among")
      ->check(CLI::Range(1U, base::kWorkersMax));
  app.add_option("--summary", options.summary, "Counters at the end")->type_name("FILE.json");
  app.add_option("--sensor", options.sensor, "Name of the sensor in the records");
  app.add_option("--flows-max", options.flows_max, "Flows that a worker keeps")
      ->check(CLI::Range(1000U, kFlowsLimitMax));
  app.add_option("captures", options.inputs, "Captures, read one after the other")
      ->type_name("FILE")
      ->required();
  // Each flag takes one value and may be repeated, so that captures may follow anywhere.
  for (const char* repeated : {"--rules", "--inside", "--dhcp-server"}) {
    app.get_option(repeated)->expected(1)->multi_option_policy(CLI::MultiOptionPolicy::TakeAll);
  }
  try {
    app.parse(argc, argv);
  } catch (const CLI::CallForHelp&) {
    return {.options = {}, .run = false, .exit_code = 0, .text = app.help()};
  } catch (const CLI::ParseError& error) {
    return Refused(error.what());
  }
  if (!eve.empty()) return Refused("--eve is not supported yet");
  for (const base::Status& checked :
       {Prefixes("--inside", inside, options.inside),
        Prefixes("--dhcp-server", dhcp_servers, options.dhcp_servers), Outputs(options)}) {
    if (!checked.ok()) return Refused(checked.error().message);
  }
  return parsed;
}

}  // namespace weir::replay
