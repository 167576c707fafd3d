// What a large policy costs: to compile, to keep, to ask, and to swap under a worker's hands.
//
//   policy_bench [--names N] [--prefixes N] [--tuples N] [--runs N] [--swaps N] [--json]
//
// Makes its own policies and flows, the same each time. scripts/bench runs it and reads its JSON.
#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <ctime>
#include <functional>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "dataplane/pipeline/keyword_finder.h"
#include "tests/bench/flow_maker.h"
#include "tests/bench/policy_maker.h"
#include "tests/bench/policy_swap.h"
#include "tests/bench/spread.h"

namespace weir::bench {
namespace {

using Json = nlohmann::ordered_json;
using verdict::Facts;
using verdict::Knowledge;
using PolicyPtr = std::shared_ptr<const rules::CompiledPolicy>;

constexpr size_t kQuestions = 50'000;
constexpr uint64_t kKeywords = rules::kKeywordsMax;

struct Arguments {
  uint64_t names = 1'000'000;
  uint64_t prefixes = 100'000;
  uint64_t tuples = 10'000;
  unsigned runs = 9;
  unsigned swaps = 20;
  bool json = false;
};

// Of this thread's processor time: what others do at the same time counts only by the caches.
double Seconds(const std::function<void()>& work) {
  const auto now = [] {
    timespec time{};
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
    return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_nsec) * 1e-9;
  };
  const double start = now();
  work();
  return now() - start;
}

// Of so many runs. One more goes before, to warm up.
Json Measured(unsigned runs, const std::function<double()>& run) {
  std::vector<double> values;
  run();
  for (unsigned i = 0; i < runs; ++i) values.push_back(run());
  return ToJson(SpreadOf(std::move(values)));
}

// --- Compiling -------------------------------------------------------------------------------

Sources Joined(std::initializer_list<Sources> parts) {
  Sources all;
  for (const Sources& part : parts) {
    for (const rules::PolicySource& source : part) {
      all.push_back({fmt::format("{}-{}", all.size(), source.name), source.text});
    }
  }
  return all;
}

struct Case {
  std::string what;
  rules::PolicyText text;
  Json parse_s;
  std::shared_ptr<const OneList> lists{};
};

Case MakeCase(const Arguments& arguments, std::string what, const Sources& sources) {
  Case made{std::move(what), {}, {}};
  const unsigned runs = std::min(arguments.runs, 3U);
  made.parse_s = Measured(runs, [&] { return Seconds([&] { made.text = Parsed(sources); }); });
  return made;
}

// Reading the file counts as parsing.
Case MakeListCase(const Arguments& arguments) {
  const std::string file = HostsFile(arguments.names);
  Case made = MakeCase(arguments, "names, one list", ListRules());
  made.parse_s = Measured(std::min(arguments.runs, 3U), [&] {
    return Seconds([&] { made.lists = std::make_shared<const OneList>(file); });
  });
  return made;
}

Json Compile(const Arguments& arguments, const Case& measured, PolicyPtr& policy) {
  Json row = {{"what", measured.what}, {"rules", measured.text.rules.size()}};
  row["parse_s"] = measured.parse_s;
  row["compile_s"] = Measured(arguments.runs, [&] {
    policy.reset();
    return Seconds([&] { policy = Compiled(measured.text, 1, measured.lists.get()); });
  });
  row["bytes"] = policy->memory_bytes();
  row["names"] = policy->parts().sets.names.size();
  row["names_bytes"] = policy->parts().sets.names.memory_bytes();
  return row;
}

// --- Asking ----------------------------------------------------------------------------------

Json Ask(const Arguments& arguments, std::string_view what,
         const std::function<size_t(size_t)>& ask, double hits_wanted) {
  size_t hits = 0;
  const Json ns = Measured(arguments.runs, [&] {
    hits = 0;
    const double seconds = Seconds([&] {
      for (size_t i = 0; i < kQuestions; ++i) hits += ask(i);
    });
    return seconds * 1e9 / kQuestions;
  });
  const double share = static_cast<double>(hits) / kQuestions;
  if (share < hits_wanted - 0.02 || share > hits_wanted + 0.02) {
    throw std::runtime_error(fmt::format("{}: {:.3f} found, not {}", what, share, hits_wanted));
  }
  return {{"what", what}, {"ns", ns}};
}

// Names one behind the other in memory, so that a look-up does not pay for fetching its question:
// on a worker the name has just been read.
class Names {
 public:
  explicit Names(const std::function<std::string(uint64_t)>& name) {
    std::vector<size_t> ends;
    for (uint64_t i = 0; i < kQuestions; ++i) {
      bytes_ += name(Scramble(i));
      ends.push_back(bytes_.size());
    }
    for (size_t i = 0, begin = 0; i < ends.size(); begin = ends[i++]) {
      views_.push_back(std::string_view(bytes_).substr(begin, ends[i] - begin));
    }
  }
  Names(const Names&) = delete;
  Names& operator=(const Names&) = delete;
  const std::string_view& operator[](size_t i) const { return views_[i]; }

 private:
  std::string bytes_;
  std::vector<std::string_view> views_;
};

// The table of names alone.
Json AskNames(const Arguments& arguments, std::string_view what, const rules::NameTable& table,
              const std::function<std::string(uint64_t)>& name, double hits_wanted) {
  const Names names(name);
  const auto ask = [&](size_t i) {
    size_t found = 0;
    table.ForEach(names[i], [&](const rules::NameTable::Group& group, bool) {
      found = group.domains.empty() ? 0 : 1;
    });
    return found;
  };
  return Ask(arguments, what, ask, hits_wanted);
}

Json AllNames(const Arguments& arguments, const PolicyPtr& policy) {
  const rules::NameTable& table = policy->parts().sets.names;
  const auto listed = [&](uint64_t random) { return ListedName(random % arguments.names); };
  const auto below = [&](uint64_t random) { return "a.b." + listed(random); };
  const auto hostile = [](uint64_t random) { return HostileName(random); };
  const auto hostile_below = [&](uint64_t random) { return HostileName(random, listed(random)); };
  Json rows = Json::array();
  rows.push_back(AskNames(arguments, "a name in no list, 3 or 4 labels", table, OtherName, 0));
  rows.push_back(AskNames(arguments, "a listed name", table, listed, 1));
  rows.push_back(AskNames(arguments, "two labels below a listed name", table, below, 1));
  rows.push_back(AskNames(arguments, "127 labels, in no list", table, hostile, 0));
  rows.push_back(AskNames(arguments, "253 bytes below a listed name", table, hostile_below, 1));
  return rows;
}

// A list that itself has a name of each depth: then every label of a name is looked up.
Json HostileList(const Arguments& arguments) {
  std::string text = "drop domain a";
  for (std::string name = "a"; name.size() < 253;) {
    name += ".a";
    text += ", " + name;
  }
  Sources sources = Joined({NameRules(arguments.names), {{"deep.rules", text + "\n"}}});
  const PolicyPtr policy = Compiled(Parsed(sources));
  const auto hostile = [](uint64_t random) { return HostileName(random); };
  return AskNames(arguments, "127 labels, with listed names of each depth",
                  policy->parts().sets.names, hostile, 0.038);
}

Facts Flow(const base::IpAddress& from, const base::IpAddress& to, uint16_t port) {
  Facts facts;
  facts.initiator_ip = from;
  facts.responder_ip = to;
  facts.initiator_port = 50'000;
  facts.responder_port = port;
  facts.ip_protocol = 6;
  facts.initiator_side = packet::Side::kInside;
  return facts;
}

Json AskFlows(const Arguments& arguments, std::string_view what, const PolicyPtr& policy,
              const std::function<Facts(uint64_t)>& flow, double hits_wanted,
              const std::function<std::string(uint64_t)>& name = {}) {
  std::vector<Facts> flows;
  for (uint64_t i = 0; i < kQuestions; ++i) flows.push_back(flow(Scramble(i)));
  std::unique_ptr<const Names> names;
  if (name) names = std::make_unique<const Names>(name);
  for (size_t i = 0; names && i < kQuestions; ++i) {
    flows[i].name_state = Knowledge::kKnown;
    flows[i].names = {&(*names)[i], 1};
  }
  const auto ask = [&](size_t i) -> size_t {
    return verdict::Decide(*policy, flows[i]).rule == rules::kNoRule ? 0 : 1;
  };
  return Ask(arguments, what, ask, hits_wanted);
}

Json AllTuples(const Arguments& arguments) {
  Json rows = Json::array();
  for (const Alike alike : kAllAlike) {
    const PolicyPtr policy = Compiled(Parsed(TupleRules(alike, arguments.tuples)));
    const auto in_rule = [&](uint64_t random) {
      const Tuple tuple = MakeTuple(alike, random % arguments.tuples);
      return Flow(AddressIn(tuple.source, random), AddressIn(tuple.destination, random),
                  tuple.port);
    };
    const auto beside = [&](uint64_t random) {
      Facts facts = in_rule(random);
      facts.responder_port = static_cast<uint16_t>(facts.responder_port ^ 0x8000);
      facts.name_state = Knowledge::kNone;
      return facts;
    };
    const auto open = [&](uint64_t random) {
      Facts facts = in_rule(random);
      facts.ports_open = true;
      return facts;
    };
    const auto what = [&](std::string_view which) {
      return fmt::format("{}: {}", AlikeName(alike), which);
    };
    rows.push_back(AskFlows(arguments, what("a rule's"), policy, in_rule, 1));
    if (alike != Alike::kAddresses) {  // where every port has its rule
      rows.push_back(AskFlows(arguments, what("port in no rule"), policy, beside, 0));
    }
    rows.push_back(AskFlows(arguments, what("port not known"), policy, open, 0));
  }
  return rows;
}

Json AllFlows(const Arguments& arguments, const PolicyPtr& policy) {
  const auto other = [](uint64_t random) {
    return Flow(AddressIn(MakeTuple(Alike::kSource, 0).source, random),
                AddressIn(ListedPrefix(3'000'000 + random % 1'000'000), random), 443);
  };
  const auto blocked = [&](uint64_t number) {
    Facts facts = other(number);
    facts.responder_ip = AddressIn(ListedPrefix(number), Scramble(number));
    return facts;
  };
  const auto v4 = [&](uint64_t random) { return blocked(random % (arguments.prefixes / 10) * 10); };
  const auto v6 = [&](uint64_t random) {
    return blocked(random % (arguments.prefixes / 10) * 10 + 8);
  };
  const auto tuple = [&](uint64_t random) {
    const Tuple made = MakeTuple(Alike::kSource, random % arguments.tuples);
    return Flow(AddressIn(made.source, random), AddressIn(made.destination, random), made.port);
  };
  const auto listed = [&](uint64_t random) { return ListedName(random % arguments.names); };
  Json rows = Json::array();
  // Some of these addresses lie in listed prefixes by chance.
  rows.push_back(AskFlows(arguments, "nothing listed, name not known yet", policy, other, 0.015));
  rows.push_back(
      AskFlows(arguments, "nothing listed, with a name", policy, other, 0.015, OtherName));
  rows.push_back(AskFlows(arguments, "a listed name", policy, other, 1, listed));
  rows.push_back(AskFlows(arguments, "an address in a listed IPv4 prefix", policy, v4, 1));
  rows.push_back(AskFlows(arguments, "an address in a listed IPv6 prefix", policy, v6, 1));
  rows.push_back(AskFlows(arguments, "a five-tuple's rule", policy, tuple, 1));
  return rows;
}

// What a request costs more where rules look for keywords, by its part; in a text of so many bytes.
Json AskText(const Arguments& arguments, names::HttpPart part, size_t bytes,
             const PolicyPtr& policy) {
  pipeline::KeywordFinder finder;
  finder.Use(policy->keywords());
  std::vector<std::string> texts;
  for (uint64_t i = 0; i < 1'000; ++i) {
    std::string text = "/";
    while (text.size() < bytes) text += OtherName(Scramble(i + text.size())) + "/%E5%8D%9A?";
    texts.push_back(text.substr(0, bytes));
  }
  pipeline::KeywordReading reading;
  const auto ask = [&](size_t i) -> size_t {
    reading.BeginRequest();
    return finder.Read(part, texts[i % texts.size()], false, reading) ? 1 : 0;
  };
  const std::string_view word = part == names::HttpPart::kUrl ? "URL" : "body";
  return Ask(arguments, fmt::format("a {} of {:L} bytes", word, bytes), ask, 0);
}

Json AllKeywords(const Arguments& arguments, const PolicyPtr& policy) {
  const auto https = [](uint64_t random) {
    return Flow(AddressIn(MakeTuple(Alike::kSource, 0).source, random),
                AddressIn(ListedPrefix(3'000'000 + random % 1'000'000), random), 443);
  };
  const auto holding = [&](uint64_t random) {
    return "www." + Keyword(random % kKeywords / 2 * 2) + ".example";
  };
  Json rows = Json::array();
  rows.push_back(AskFlows(arguments, "a name without any", policy, https, 0, OtherName));
  rows.push_back(AskFlows(arguments, "a name with one", policy, https, 1, holding));
  rows.push_back(AskText(arguments, names::HttpPart::kUrl, 100, policy));
  rows.push_back(AskText(arguments, names::HttpPart::kBody, 1'400, policy));
  return rows;
}

// --- All of it -------------------------------------------------------------------------------

Json Measure(const Arguments& arguments) {
  const Sources names = NameRules(arguments.names);
  const Sources prefixes = PrefixRules(arguments.prefixes);
  const Sources tuples = TupleRules(Alike::kSource, arguments.tuples);
  Json result = {{"runs", arguments.runs}, {"compile", Json::array()}};
  PolicyPtr policy;
  const auto compile = [&](const Case& measured) {
    result["compile"].push_back(Compile(arguments, measured, policy));
  };
  {
    Case measured = MakeCase(arguments, "names", names);
    compile(measured);
    result["name_lookups"] = AllNames(arguments, policy);
    measured.text = AsOneRule(std::move(measured.text));
    measured.what = "names, one rule";
    compile(measured);
  }
  compile(MakeListCase(arguments));
  result["name_lookups"].push_back(HostileList(arguments));
  {
    Case measured = MakeCase(arguments, "prefixes", prefixes);
    compile(measured);
    measured.text = AsOneRule(std::move(measured.text));
    measured.what = "prefixes, one rule";
    compile(measured);
  }
  compile(MakeCase(arguments, "five-tuples", tuples));
  result["tuples"] = AllTuples(arguments);
  compile(MakeCase(arguments, "keywords", KeywordRules(kKeywords)));
  result["keywords"] = AllKeywords(arguments, policy);
  const Case all = MakeCase(arguments, "all at once", Joined({tuples, prefixes, names}));
  compile(all);
  result["decisions"] = AllFlows(arguments, policy);
  policy.reset();
  if (arguments.swaps > 0) result["swap"] = MeasureSwaps(all.text, arguments.swaps);
  return result;
}

std::string Told(const Json& spread, double scale, int digits) {
  return fmt::format("{:>9.{}f}  {:.{}f}–{:.{}f}", spread["median"].get<double>() * scale, digits,
                     spread["least"].get<double>() * scale, digits,
                     spread["most"].get<double>() * scale, digits);
}

void Print(const Json& result) {
  fmt::print("{:<22}{:>8}  {:>10}  {:>10}  {:>26}  {}\n", "policy", "rules", "MB", "names MB",
             "compile s, lowest–highest", "parse s");
  for (const Json& row : result["compile"]) {
    fmt::print("{:<22}{:>8}  {:>10.2f}  {:>10.2f}  {:>26}  {}\n", row["what"].get<std::string>(),
               row["rules"].get<uint64_t>(), row["bytes"].get<double>() / 1e6,
               row["names_bytes"].get<double>() / 1e6, Told(row["compile_s"], 1, 3),
               Told(row["parse_s"], 1, 3));
  }
  for (const auto& [key, title] : {std::pair("name_lookups", "the table of names"),
                                   std::pair("decisions", "a decision, all at once"),
                                   std::pair("tuples", "a decision, five-tuples"),
                                   std::pair("keywords", "keywords, 10,000")}) {
    fmt::print("\n{:<50}{:>9}  lowest–highest\n", title, "ns");
    for (const Json& row : result[key]) {
      fmt::print("{:<50}{}\n", row["what"].get<std::string>(), Told(row["ns"], 1, 0));
    }
  }
  if (result.contains("swap")) fmt::print("\nswap: {}\n", result["swap"].dump(2));
}

int Main(int argc, char** argv) {
  Arguments arguments;
  CLI::App app("What a large policy costs: to compile, to keep, to ask, to swap.");
  app.add_option("--names", arguments.names, "Blocked names")->check(CLI::Range(1'000, 10'000'000));
  app.add_option("--prefixes", arguments.prefixes, "Blocked prefixes")
      ->check(CLI::Range(1'000, 1'000'000));
  app.add_option("--tuples", arguments.tuples, "Five-tuples")->check(CLI::Range(1'000, 50'000));
  app.add_option("--runs", arguments.runs, "Runs, of which the median counts")
      ->check(CLI::Range(1U, 99U));
  app.add_option("--swaps", arguments.swaps, "Policies to swap under a worker; 0 for none");
  app.add_flag("--json", arguments.json, "One JSON object");
  CLI11_PARSE(app, argc, argv);
  const Json result = Measure(arguments);
  if (arguments.json) {
    fmt::print("{}\n", result.dump(2));
  } else {
    Print(result);
  }
  return 0;
}

}  // namespace
}  // namespace weir::bench

int main(int argc, char** argv) {
  try {
    return weir::bench::Main(argc, argv);
  } catch (const std::exception& error) {
    fmt::print(stderr, "policy_bench: {}\n", error.what());
    return 1;
  }
}
