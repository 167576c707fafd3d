// How fast session snapshots go into the embedded store, what they take on disk, and how long
// look-ups take: audit_bench DIR [SESSIONS].
//
// Each session is announced, named and closed: three snapshots, in the journal's encoding, with the
// snapshots of many others between them. Names, peers and accounts are skewed as those of a campus.
// CPU time is that of the ingesting thread, which includes decoding and the accounts' join.
#include <fmt/format.h>
#include <sys/resource.h>
#include <time.h>

#include <cmath>
#include <cstdlib>
#include <filesystem>
#include <random>
#include <string>
#include <vector>

#include "control/audit/rocks_store.h"
#include "control/ingest/batch_builder.h"

namespace weir::control {
namespace {

constexpr base::WallTime kStart{1'795'300'000'000'000'000};
constexpr uint64_t kHosts = 20'000;
constexpr uint64_t kPeers = 50'000;
constexpr uint64_t kNames = 30'000;
constexpr size_t kInterleaved = 50'000;  // sessions under way at a time
constexpr size_t kBatchFrames = 8192;
constexpr double kSessionsPerSecond = 2000;  // of the traffic described, not of the store

double ThreadCpuSeconds() {
  timespec now{};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
  return static_cast<double>(now.tv_sec) + static_cast<double>(now.tv_nsec) / 1e9;
}

double ProcessCpuSeconds() {
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  const auto seconds = [](const timeval& t) {
    return static_cast<double>(t.tv_sec) + static_cast<double>(t.tv_usec) / 1e6;
  };
  return seconds(usage.ru_utime) + seconds(usage.ru_stime);
}

double WallSeconds() { return static_cast<double>(base::MonoNow().ns) / 1e9; }

base::IpAddress AddressOf(uint8_t network, uint64_t host) {
  const uint8_t bytes[4] = {network, static_cast<uint8_t>(host >> 16),
                            static_cast<uint8_t>(host >> 8), static_cast<uint8_t>(host)};
  return base::IpAddress::FromV4(bytes);
}

class Traffic {
 public:
  explicit Traffic(uint64_t seed) : random_(seed) {
    for (uint64_t i = 0; i < kNames; i++)
      names_.push_back(fmt::format("www{}.site{}.com", i % 7, i));
  }

  // Snapshot `stage` (0, 1, 2) of session `number`; the same for the same number.
  events::SessionEvent Snapshot(uint64_t number, uint32_t stage) {
    random_.seed(number * 7919 + 17);
    events::SessionEvent event;
    const double seconds = static_cast<double>(number) / kSessionsPerSecond;
    event.start.ns =
        kStart.ns + static_cast<int64_t>(seconds * 1e9) + static_cast<int64_t>(random_() % 500'000);
    event.session_start = event.start;
    event.session_id = static_cast<uint64_t>(event.start.ns / 1'000'000) << 22 | number % (1 << 22);
    event.revision = stage;
    event.src_ip = AddressOf(10, Skewed(kHosts));
    event.src_mac.bytes = {
        2, 0, 0, event.src_ip.bytes()[13], event.src_ip.bytes()[14], event.src_ip.bytes()[15]};
    event.dst_mac.bytes = {2, 0, 0x5e, 0, 0, 1};
    const uint64_t peer = Skewed(kPeers);
    event.dst_ip = AddressOf(203, peer);
    event.src_port = static_cast<uint16_t>(32'768 + random_() % 28'000);
    event.dst_port = random_() % 5 == 0 ? 53 : 443;
    event.ip_protocol = event.dst_port == 53 ? 17 : 6;
    event.direction = events::Direction::kOutbound;
    event.policy_version = 12;
    if (stage == 0) return event;
    event.name = names_[(peer * 31 + random_() % 3) % kNames];
    event.name_source = events::NameSource::kTlsSni;
    event.app = event.dst_port == 53 ? "DNS" : "TLS";
    event.category = "Web";
    event.packets_to_dst = 1 + random_() % 30;
    event.packets_to_src = 1 + random_() % 60;
    event.bytes_to_dst = event.packets_to_dst * (60 + random_() % 200);
    event.bytes_to_src = event.packets_to_src * (60 + random_() % 1300);
    event.tcp_flags = 0x1b;
    event.end.ns = event.start.ns + static_cast<int64_t>(random_() % 20'000'000'000);
    if (stage == 1) return event;
    event.state = events::SessionState::kClosed;
    event.end_reason = events::EndReason::kFin;
    return event;
  }

 private:
  // Few take most.
  uint64_t Skewed(uint64_t limit) {
    const double u = static_cast<double>(random_() >> 11) / 9007199254740992.0;
    return static_cast<uint64_t>(std::pow(u, 3) * static_cast<double>(limit));
  }

  std::mt19937_64 random_;
  std::vector<std::string> names_;
};

accounts::Registry EveryHost() {
  std::string text = "account,ip,mac,group,room,seat\n";
  for (uint64_t host = 0; host < kHosts; host++) {
    text += fmt::format("s2023{:04},{},,students,,\n", host, AddressOf(10, host).ToString());
  }
  return accounts::Registry::Parse(text, "bench").value();
}

struct Timing {
  double cpu = 0;
  double wall = 0;
  uint64_t snapshots = 0;
};

// Stage 0 of a session goes in kInterleaved sessions before its stage 1, that before its stage 2.
bool Fill(audit::RocksStore& store, const accounts::Directory& directory, uint64_t sessions,
          Timing& timing) {
  Traffic traffic(1);
  ingest::BatchBuilder builder(directory);
  std::vector<std::vector<uint8_t>> encoded;
  const auto commit = [&] {
    const double cpu = ThreadCpuSeconds();
    const double wall = WallSeconds();
    events::Frame frame;
    for (const auto& bytes : encoded) {
      frame.payload = bytes;
      if (!builder.Add(frame)) return false;
    }
    builder.batch().position = "bench";
    const auto committed = store.Commit(builder.batch());
    if (!committed.ok()) fmt::print("{}\n", committed.error().message);
    builder.Clear();
    timing.cpu += ThreadCpuSeconds() - cpu;
    timing.wall += WallSeconds() - wall;
    timing.snapshots += encoded.size();
    encoded.clear();
    return committed.ok();
  };
  for (uint64_t step = 0; step < sessions + 2 * kInterleaved; step++) {
    for (uint32_t stage = 0; stage < 3; stage++) {
      const uint64_t behind = stage * kInterleaved;
      if (step < behind || step - behind >= sessions) continue;
      std::array<uint8_t, events::kEncodedBytesMax> bytes;
      const size_t used = events::Encode(traffic.Snapshot(step - behind, stage), bytes);
      encoded.emplace_back(bytes.begin(), bytes.begin() + static_cast<ptrdiff_t>(used));
    }
    if (encoded.size() >= kBatchFrames && !commit()) return false;
  }
  return commit();
}

void TimeLookup(audit::RocksStore& store, std::string_view what, const audit::Query& query) {
  const double before = WallSeconds();
  const auto result = store.Sessions(query, [](const audit::SessionRecord&) { return true; });
  fmt::print("{:32} {:8.2f} ms, {} found, {} examined\n", what, (WallSeconds() - before) * 1e3,
             result.ok() ? result->visited : 0, result.ok() ? result->examined : 0);
}

int Run(const std::filesystem::path& dir, uint64_t sessions) {
  audit::RocksStore::Options options;
  options.dir = dir;
  options.sensor = "bench";
  auto store = std::move(audit::RocksStore::Open(options)).value();
  accounts::Directory directory;
  directory.InstallRegistry(EveryHost());
  Timing timing;
  const double process_before = ProcessCpuSeconds();
  if (!Fill(*store, directory, sessions, timing)) return 1;
  const double process = ProcessCpuSeconds() - process_before;
  const auto snapshots = static_cast<double>(timing.snapshots);
  fmt::print("{} snapshots of {} sessions\n", timing.snapshots, sessions);
  fmt::print("ingesting thread: {:.0f} snapshots/s of CPU time, {:.0f} of wall time\n",
             snapshots / timing.cpu, snapshots / timing.wall);
  fmt::print("whole process (traffic made, flushes, compactions): {:.1f} s CPU\n", process);
  store.reset();
  store = std::move(audit::RocksStore::Open(options)).value();
  const auto bytes = store->Stats()->bytes_on_disk;
  fmt::print("{} bytes on disk, {:.1f} a record\n", bytes,
             static_cast<double>(bytes) / static_cast<double>(sessions));

  Traffic traffic(1);
  const auto sample = traffic.Snapshot(sessions / 2, 2);
  TimeLookup(*store, "address and port at a second",
             {.ip = sample.src_ip, .port = sample.src_port, .at = sample.start});
  TimeLookup(*store, "port at a second", {.port = sample.src_port, .at = sample.start});
  TimeLookup(*store, "account, all", {.account = "s20230777"});
  TimeLookup(*store, "outside address, all", {.ip = sample.dst_ip});
  TimeLookup(*store, "name, all", {.name = std::string(sample.name)});
  TimeLookup(*store, "names below a domain, all",
             {.name = std::string(sample.name.substr(sample.name.find('.')))});
  TimeLookup(*store, "session", {.session_id = sample.session_id});
  TimeLookup(*store, "newest 100", {.newest_first = true, .limit = 100});
  return 0;
}

}  // namespace
}  // namespace weir::control

int main(int argc, char** argv) {
  if (argc < 2) {
    fmt::print("usage: audit_bench DIR [SESSIONS]\n");
    return 2;
  }
  return weir::control::Run(argv[1], argc > 2 ? std::strtoull(argv[2], nullptr, 10) : 1'000'000);
}
