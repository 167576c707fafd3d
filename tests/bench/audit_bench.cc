// How fast session snapshots go into the store, what they take on disk, and how long look-ups take:
//
//   audit_bench DIR [SESSIONS] [--again] [--clickhouse URL [--user NAME] [--password-file FILE]]
//   [--only STORE] [--logins] [--json]
//
// --again: DIR has the embedded store of an earlier run; nothing is written.
// --only embedded, or clickhouse: the other store is not measured.
// --logins: whose the addresses are is known by RADIUS log-ins, and not by the registry.
// With a ClickHouse the same for the store that has its archive there: how fast rows are shipped,
// how long a day's comparison takes, and the look-ups once all days are there. Its database
// weir_bench is dropped first.
//
// Each session is announced, named and closed: three snapshots, in the journal's encoding, with the
// snapshots of many others between them. Names, peers and accounts are skewed as those of a campus.
// CPU time is that of the ingesting thread, which includes decoding and the accounts' join.
#include <fmt/format.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cmath>
#include <cstdlib>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <random>
#include <string>
#include <vector>

#include "control/audit/rocks_store.h"
#include "control/cli/progress_bar.h"
#include "control/clickhouse/tiered_store.h"
#include "control/ingest/batch_builder.h"
#include "control/operations/operations_log.h"
#include "control/radius/login_book.h"
#include "control/sealing/record_digests.h"

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

std::unique_ptr<radius::LoginBook> EveryoneLoggedIn(const std::filesystem::path& file) {
  auto book = std::move(radius::LoginBook::Open(file)).value();
  std::vector<radius::AccountingEvent> events;
  for (uint64_t host = 0; host < kHosts; host++) {
    radius::AccountingEvent event;
    event.status = radius::AccountingStatus::kStart;
    event.nas = "10.0.0.2";
    event.nas_name = "bras-1";
    event.session = fmt::format("{:08x}", host);
    event.account = fmt::format("s2023{:04}", host);
    event.addresses = {AddressOf(10, host)};
    event.time = event.login = kStart;
    events.push_back(std::move(event));
  }
  return book->Apply(events).ok() ? std::move(book) : nullptr;
}

struct Timing {
  double cpu = 0;
  double wall = 0;
  double longest = 0;  // of a batch, wall
  uint64_t snapshots = 0;
};

// Stage 0 of a session goes in kInterleaved sessions before its stage 1, that before its stage 2.
bool Fill(audit::SessionStore& store, const accounts::Directory& directory, uint64_t sessions,
          Timing& timing) {
  Traffic traffic(1);
  cli::ProgressBar progress("snapshots");
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
    builder.JoinAccounts();
    builder.batch().position = "bench";
    const auto committed = store.Commit(builder.batch());
    if (!committed.ok()) fmt::print("{}\n", committed.error().message);
    builder.Clear();
    timing.cpu += ThreadCpuSeconds() - cpu;
    timing.wall += WallSeconds() - wall;
    timing.longest = std::max(timing.longest, WallSeconds() - wall);
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
    if (encoded.size() < kBatchFrames) continue;
    if (!commit()) return false;
    progress.Show(step, sessions + 2 * kInterleaved, timing.snapshots);
  }
  return commit();
}

struct Arguments {
  std::filesystem::path dir;
  uint64_t sessions = 1'000'000;
  std::string clickhouse_url;  // empty: only the embedded store
  std::string clickhouse_user = "default";
  std::string password_file;
  bool json = false;
  bool again = false;
  bool logins = false;
  std::string only;  // of the two stores; empty: both
};

// What was measured, in the order in which it was.
class Results {
 public:
  explicit Results(bool as_json) : as_json_(as_json) {}

  void Add(const std::string& store, const std::string& what, double value, std::string_view unit) {
    json_[store][what] = value;
    if (!as_json_) fmt::print("{:10} {:36} {:14.2f} {}\n", store, what, value, unit);
  }
  void PrintJson() const {
    if (as_json_) fmt::print("{}\n", json_.dump(1));
  }

 private:
  const bool as_json_;
  nlohmann::ordered_json json_;
};

void TimeLookups(audit::SessionStore& store, const std::string& name, uint64_t sessions,
                 Results& results) {
  Traffic traffic(1);
  const auto sample = traffic.Snapshot(sessions / 2, 2);
  const std::vector<std::pair<std::string, audit::Query>> lookups{
      {"address_and_port_at_a_second",
       {.ip = sample.src_ip, .port = sample.src_port, .at = sample.start}},
      {"port_at_a_second", {.port = sample.src_port, .at = sample.start}},
      {"account", {.account = "s20230777"}},
      {"outside_address", {.ip = sample.dst_ip}},
      {"name", {.name = std::string(sample.name)}},
      {"names_below", {.name = std::string(sample.name.substr(sample.name.find('.')))}},
      {"session", {.session_id = sample.session_id}},
      {"newest_100", {.newest_first = true, .limit = 100}}};
  for (const auto& [what, query] : lookups) {
    const double before = WallSeconds();
    const auto found = store.Sessions(query, [](const audit::SessionRecord&) { return true; });
    results.Add(name, what + "_ms", (WallSeconds() - before) * 1e3, "ms");
    results.Add(name, what + "_found", found.ok() ? static_cast<double>(found->visited) : -1, "");
  }
}

bool Ingest(audit::SessionStore& store, const std::string& name, const Arguments& arguments,
            Results& results) {
  accounts::Directory directory;
  std::unique_ptr<radius::LoginBook> book;
  if (arguments.logins) {
    book = EveryoneLoggedIn(arguments.dir / (name + ".accounts.db"));
    if (book == nullptr) return false;
    directory.Use(*book);
  } else {
    directory.InstallRegistry(EveryHost());
  }
  Timing timing;
  const double process_before = ProcessCpuSeconds();
  if (!Fill(store, directory, arguments.sessions, timing)) return false;
  const auto snapshots = static_cast<double>(timing.snapshots);
  results.Add(name, "snapshots", snapshots, "");
  results.Add(name, "snapshots_per_cpu_second", snapshots / timing.cpu,
              "/s of the ingesting thread");
  results.Add(name, "snapshots_per_second", snapshots / timing.wall, "/s of wall time");
  results.Add(name, "longest_batch_ms", timing.longest * 1e3, "ms, of 8,192 snapshots");
  results.Add(name, "process_cpu_s", ProcessCpuSeconds() - process_before,
              "s, with making traffic and compactions");
  return true;
}

// As a seal does it, and a check of one: each record's line made and digested.
bool Seal(audit::SessionStore& store, const Arguments& arguments, Results& results) {
  auto operations = operations::OperationsLog::Open(arguments.dir / "operations.db");
  if (!operations.ok()) return false;
  const double begin = WallSeconds();
  const auto digest =
      sealing::DigestSessions({store, **operations}, {kStart, {kStart.ns + 100 * audit::kDayNs}},
                              sealing::Moment::kSealed, [] { return true; });
  if (!digest.ok() || digest->records != arguments.sessions) return false;
  results.Add("embedded", "records_sealed_per_second",
              static_cast<double>(digest->records) / (WallSeconds() - begin), "/s, or checked");
  // What a check does besides.
  const double comparing = WallSeconds();
  const auto faults = store.CheckIndex({{INT64_MIN}, {INT64_MAX}}, [] { return true; });
  if (!faults.ok() || !faults->empty()) return false;
  results.Add("embedded", "records_indexed_checked_per_second",
              static_cast<double>(digest->records) / (WallSeconds() - comparing),
              "/s compared with the index");
  return true;
}

bool RunEmbedded(const Arguments& arguments, Results& results) {
  audit::RocksStore::Options options;
  options.dir = arguments.dir / "embedded";
  options.sensor = "bench";
  auto store = std::move(audit::RocksStore::Open(options)).value();
  if (!arguments.again && !Ingest(*store, "embedded", arguments, results)) return false;
  store.reset();
  store = std::move(audit::RocksStore::Open(options)).value();
  const auto bytes_per_record = [&] {
    return static_cast<double>(store->Stats()->bytes_on_disk) /
           static_cast<double>(arguments.sessions);
  };
  results.Add("embedded", "bytes_per_record_of_today", bytes_per_record(), "");
  const double packing = WallSeconds();
  const auto packed = store->PackDaysBefore(audit::DayOf(base::WallNow()));
  if (!packed.ok()) {
    fmt::print(stderr, "{}\n", packed.error().message);
    return false;
  }
  results.Add("embedded", "records_packed_per_second",
              static_cast<double>(arguments.sessions) / (WallSeconds() - packing), "/s");
  results.Add("embedded", "bytes_per_record", bytes_per_record(), "once its day is over");
  TimeLookups(*store, "embedded", arguments.sessions, results);
  return Seal(*store, arguments, results);
}

// What a store that ships cannot be measured without.
struct Archive {
  clickhouse::TieredStore::Options options;
  std::unique_ptr<clickhouse::TieredStore> store;
};

base::Result<Archive> OpenArchive(const Arguments& arguments) {
  static const std::atomic<bool> kNeverStop{false};
  Archive archive;
  archive.options.local.dir = arguments.dir / "tiered";
  archive.options.local.sensor = "bench";
  archive.options.archive.url = arguments.clickhouse_url;
  archive.options.archive.user = arguments.clickhouse_user;
  archive.options.archive.database = "weir_bench";
  if (!arguments.password_file.empty()) {
    auto password = clickhouse::LoadPassword(arguments.password_file);
    if (!password.ok()) return password.error();
    archive.options.archive.password = *password;
  }
  clickhouse::HttpConnection server(archive.options.archive, kNeverStop);
  if (auto gone = server.Ask("DROP DATABASE IF EXISTS weir_bench"); !gone.ok()) {
    return gone.error();
  }
  auto store = clickhouse::TieredStore::Open(archive.options);
  if (!store.ok()) return store.error();
  archive.store = std::move(*store);
  return archive;
}

double BytesPerRow(const clickhouse::Endpoint& endpoint) {
  static const std::atomic<bool> kNeverStop{false};
  clickhouse::HttpConnection server(endpoint, kNeverStop);
  const auto answer = server.Ask(
      "SELECT sum(bytes_on_disk) / sum(rows) FROM system.parts WHERE active AND database = "
      "'weir_bench' AND table = 'sessions' FORMAT TabSeparated");
  return answer.ok() ? std::strtod(answer->c_str(), nullptr) : -1;
}

bool RunClickhouse(const Arguments& arguments, Results& results) {
  auto archive = OpenArchive(arguments);
  if (!archive.ok()) {
    fmt::print(stderr, "{}\n", archive.error().message);
    return false;
  }
  clickhouse::TieredStore& store = *archive->store;
  const double begin = WallSeconds();
  if (!Ingest(store, "clickhouse", arguments, results)) return false;
  constexpr int64_t kHourMs = 3'600'000;
  if (!store.WaitUntilShipped(kHourMs)) return false;
  const auto shipped = static_cast<double>(store.shipping().rows_shipped);
  results.Add("clickhouse", "rows_shipped", shipped, "versions of records");
  results.Add("clickhouse", "rows_shipped_per_second", shipped / (WallSeconds() - begin),
              "/s beside the ingest");

  // The same once more by themselves, as a migration does.
  const double migrating = WallSeconds();
  if (!store.BeginMigration(true).ok()) return false;
  cli::ProgressBar progress("rows migrated");
  while (store.migration().backfill.state != clickhouse::BackfillState::kDone) {
    ::usleep(10'000);
    const uint64_t rows = store.migration().backfill.rows_done;
    progress.Show(rows, arguments.sessions, rows);
  }
  progress.Clear();
  const auto migrated = static_cast<double>(store.migration().backfill.rows_done);
  results.Add("clickhouse", "rows_migrated_per_second", migrated / (WallSeconds() - migrating),
              "/s by themselves");
  const double moving = WallSeconds();
  const auto moved = store.MoveOldDays({kStart.ns + 100 * audit::kDayNs});
  if (!moved.ok() || store.Stats()->archive->days_differing > 0) {
    fmt::print(stderr, "days stay: {}\n", moved.ok() ? "they differ" : moved.error().message);
    return false;
  }
  results.Add("clickhouse", "rows_compared_per_second",
              static_cast<double>(arguments.sessions) / (WallSeconds() - moving),
              "/s, merged, read back and compared");
  results.Add("clickhouse", "bytes_per_record", BytesPerRow(archive->options.archive), "");
  TimeLookups(store, "clickhouse", arguments.sessions, results);
  return true;
}

int Run(const Arguments& arguments) {
  Results results(arguments.json);
  if (arguments.only != "clickhouse" && !RunEmbedded(arguments, results)) return 1;
  const bool has_clickhouse = !arguments.clickhouse_url.empty() && arguments.only != "embedded";
  if (has_clickhouse && !RunClickhouse(arguments, results)) return 1;
  results.PrintJson();
  return 0;
}

// False: it makes no sense.
bool ReadArguments(int argc, char** argv, Arguments& arguments) {
  int place = 0;
  for (int i = 1; i < argc; i++) {
    const std::string_view word = argv[i];
    std::string* value = word == "--clickhouse"      ? &arguments.clickhouse_url
                         : word == "--user"          ? &arguments.clickhouse_user
                         : word == "--password-file" ? &arguments.password_file
                         : word == "--only"          ? &arguments.only
                                                     : nullptr;
    if (word == "--json") {
      arguments.json = true;
    } else if (word == "--logins") {
      arguments.logins = true;
    } else if (word == "--again") {
      arguments.again = true;
    } else if (value != nullptr) {
      if (++i == argc) return false;
      *value = argv[i];
    } else if (word.starts_with("--") || place == 2) {
      return false;
    } else if (place++ == 0) {
      arguments.dir = word;
    } else {
      arguments.sessions = std::strtoull(argv[i], nullptr, 10);
    }
  }
  const bool known = arguments.only.empty() || arguments.only == "embedded" ||
                     (arguments.only == "clickhouse" && !arguments.clickhouse_url.empty());
  return known && !arguments.dir.empty() && arguments.sessions > 0;
}

}  // namespace
}  // namespace weir::control

int main(int argc, char** argv) {
  weir::control::Arguments arguments;
  if (!weir::control::ReadArguments(argc, argv, arguments)) {
    fmt::print(
        "usage: audit_bench DIR [SESSIONS] [--again] [--clickhouse URL [--user NAME] "
        "[--password-file FILE]] [--only embedded|clickhouse] [--logins] [--json]\n");
    return 2;
  }
  return weir::control::Run(arguments);
}
