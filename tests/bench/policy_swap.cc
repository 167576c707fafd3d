#include "tests/bench/policy_swap.h"

#include <fmt/format.h>
#include <rte_eal.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include "dataplane/app/dataplane/policy_in_force.h"
#include "tests/bench/policy_maker.h"

namespace weir::bench {
namespace {

using Clock = std::chrono::steady_clock;

constexpr uint64_t kNamesAsked = 4096;
constexpr size_t kRound = 32;  // decisions between two quiescent states: a batch of packets

class Eal {
 public:
  Eal() {
    std::vector<std::string> arguments = {"policy_bench",
                                          "--no-huge",
                                          "--no-pci",
                                          "--no-shconf",
                                          "--no-telemetry",
                                          "-m",
                                          "64",
                                          "--lcores=0",
                                          "--log-level=critical",
                                          fmt::format("--file-prefix=weir-bench-{}", ::getpid())};
    std::vector<char*> argv;
    for (std::string& argument : arguments) argv.push_back(argument.data());
    if (rte_eal_init(static_cast<int>(argv.size()), argv.data()) < 0) {
      throw std::runtime_error("DPDK's EAL does not start");
    }
    directory_ = rte_eal_get_runtime_dir();
  }
  ~Eal() {
    rte_eal_cleanup();
    ::rmdir(directory_.c_str());  // DPDK leaves it behind, empty
  }
  Eal(const Eal&) = delete;
  Eal& operator=(const Eal&) = delete;

 private:
  std::string directory_;
};

class Worker {
 public:
  explicit Worker(appliance::PolicyInForce& policy) : policy_(policy) {
    for (uint64_t i = 0; i < kNamesAsked; ++i) {
      names_.push_back(i % 2 == 0 ? ListedName(i) : OtherName(i));
    }
    facts_.initiator_ip = *base::IpAddress::Parse("192.168.1.1");
    facts_.responder_ip = *base::IpAddress::Parse("192.168.1.2");
    facts_.responder_port = 443;
    facts_.ip_protocol = 6;
    facts_.name_state = verdict::Knowledge::kKnown;
    thread_ = std::thread([this] { Run(); });
  }
  ~Worker() { Stop(); }
  Worker(const Worker&) = delete;
  Worker& operator=(const Worker&) = delete;
  void Stop() {
    stop_.store(true);
    if (thread_.joinable()) thread_.join();
  }

  // After Stop().
  uint64_t decisions = 0;
  uint64_t blocked = 0;
  uint64_t wrong = 0;
  uint64_t policies_seen = 1;
  std::vector<double> gaps_us;  // between the ends of two rounds
  double seconds = 0;

 private:
  void Run() {
    policy_.Register(0);
    const auto start = Clock::now();
    auto last = start;
    const rules::CompiledPolicy* before = policy_.Get().policy.get();
    for (uint64_t at = 0; !stop_.load(std::memory_order_relaxed);) {
      const rules::CompiledPolicy& policy = *policy_.Get().policy;
      if (&policy != before) ++policies_seen;
      before = &policy;
      for (size_t i = 0; i < kRound; ++i) Decide(policy, at++ % kNamesAsked);
      policy_.Quiescent(0);
      const auto now = Clock::now();
      NoteGap(std::chrono::duration<double, std::micro>(now - last).count());
      last = now;
    }
    seconds = std::chrono::duration<double>(last - start).count();
    policy_.Unregister(0);
  }

  void Decide(const rules::CompiledPolicy& policy, size_t number) {
    const std::string_view name = names_[number];
    facts_.names = {&name, 1};
    const verdict::Decision decision = verdict::Decide(policy, facts_);
    const bool dropped = decision.verdict == events::Verdict::kDrop;
    if (dropped != (number % 2 == 0)) ++wrong;
    if (decision.rule != rules::kNoRule) policy.CountHit(decision.rule, base::WallTime{1});
    if (dropped) ++blocked;
    ++decisions;
  }

  void NoteGap(double us) {
    if (gaps_us.size() < 1'000'000) gaps_us.push_back(us);
  }

  appliance::PolicyInForce& policy_;
  std::vector<std::string> names_;
  verdict::Facts facts_;
  std::atomic<bool> stop_{false};
  std::thread thread_;
};

uint64_t HitsOf(const rules::CompiledPolicy& policy) {
  uint64_t hits = 0;
  for (uint32_t rule = 0; rule < policy.rule_count(); ++rule) hits += policy.hits(rule);
  return hits;
}

}  // namespace

nlohmann::ordered_json MeasureSwaps(const rules::PolicyText& text, unsigned swaps) {
  const Eal eal;
  appliance::PolicyInForce in_force;
  if (const auto ready = in_force.Prepare(1, Compiled(text), nullptr); !ready) {
    throw std::runtime_error(ready.error().message);
  }
  Worker worker(in_force);
  std::vector<double> settle_us;
  for (uint32_t version = 2; version < 2 + swaps; ++version) {
    auto next = Compiled(text, version);
    bool passed = false;
    const auto start = Clock::now();
    in_force.Replace(std::move(next), nullptr, [&] { passed = true; });
    while (!passed) in_force.Settle();
    settle_us.push_back(std::chrono::duration<double, std::micro>(Clock::now() - start).count());
  }
  worker.Stop();
  const uint64_t hits = HitsOf(*in_force.current());
  if (worker.wrong != 0) throw std::runtime_error(fmt::format("{} wrong verdicts", worker.wrong));
  if (hits != worker.blocked) {
    throw std::runtime_error(
        fmt::format("{} hits counted, {} flows blocked", hits, worker.blocked));
  }
  std::ranges::sort(settle_us);
  std::ranges::sort(worker.gaps_us);
  const auto tenth = [&](double share) {
    return worker.gaps_us[static_cast<size_t>(share * static_cast<double>(worker.gaps_us.size()))];
  };
  return {{"swaps", swaps},
          {"policies_seen", worker.policies_seen},
          {"decisions", worker.decisions},
          {"blocked", worker.blocked},
          {"hits_counted", hits},
          {"wrong", worker.wrong},
          {"decisions_per_second", static_cast<double>(worker.decisions) / worker.seconds},
          {"replace_to_all_passed_us",
           {{"median", settle_us[settle_us.size() / 2]}, {"high", settle_us.back()}}},
          {"round_us",
           {{"median", tenth(0.5)}, {"p999", tenth(0.999)}, {"high", worker.gaps_us.back()}}}};
}

}  // namespace weir::bench
