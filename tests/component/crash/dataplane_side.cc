#include <fmt/format.h>
#include <spdlog/spdlog.h>
#include <unistd.h>

#include <algorithm>
#include <numeric>
#include <random>
#include <utility>
#include <vector>

#include "dataplane/app/dataplane/event_keeper.h"
#include "sides.h"

namespace weir::crash {
namespace {

using appliance::EventKeeper;
using appliance::EventSource;
using events::EventType;
using events::LossClass;

constexpr size_t kWorkers = 2;
constexpr size_t kRingBytes = 32 << 10;
constexpr int kMoreThanRingsHold = 1000;
constexpr int kQuietRoundsMax = 50;  // drains with room for all, each a second behind the last
constexpr size_t kLiveMax = 200;
constexpr uint64_t kQuotaBytes = 400'000;
constexpr uint64_t kSegmentBytes = 50'000;
constexpr uint32_t kBootsADay = 12;
constexpr int64_t kDayNs = 86'400 * base::kNsPerSecond;
constexpr int64_t kFirstDayNs = 1'793'491'200 * base::kNsPerSecond;  // 2026-11-01T00:00:00Z

size_t Index(LossClass loss_class) { return static_cast<size_t>(loss_class); }

base::Config ConfigOf(const std::filesystem::path& folder) {
  base::Config config;
  config.sensor = "lab";
  config.journal.dir = JournalOf(folder);
  config.journal.max_bytes = kQuotaBytes;
  config.journal.segment_bytes = kSegmentBytes;
  config.journal.sync_ms = 1000;
  return config;
}

class Dataplane {
 public:
  explicit Dataplane(const Start& start)
      : books_(*start.books), boot_(start.boot), random_(start.seed) {
    for (size_t i = 0; i < kWorkers; ++i) {
      rings_.push_back(std::make_unique<events::EventRing>(kRingBytes));
      sinks_.push_back(std::make_unique<events::RingEventSink>(*rings_.back()));
      sources_.push_back({rings_.back().get(), sinks_.back().get()});
    }
    auto opened = EventKeeper::Open(ConfigOf(start.folder), boot_);
    if (!opened) Complain(side(), kNotOpened, opened.error().message);
    keeper_ = std::move(*opened);
  }

  [[noreturn]] void Run() {
    BeginGroup();
    Health(events::HealthKind::kStarted);
    EndGroup();
    while (side().command == Command::kRun) {
      Round();
      Rest();
    }
    Settle();
    BeginGroup();
    Health(events::HealthKind::kStopped);
    EndGroup();
    keeper_->Close();
    CheckTheEnd();
    books_.boot(boot_).ended_well = true;
    _exit(0);
  }

 private:
  struct Live {
    uint32_t session;
    uint32_t revision;
  };

  Side& side() const { return books_->dataplane; }
  uint64_t Below(uint64_t limit) { return random_() % limit; }

  void BeginGroup() {
    const uint32_t number = books_->groups;
    group_ = &books_.group(number);
    group_number_ = number;
    group_->boot = boot_;
    group_->first = books_->events;
    group_->end = group_->first;
    books_->groups = number + 1;
    lost_before_ = keeper_->lost();
  }

  // The number of an event that is offered next; it is in the books before anybody else has it.
  uint32_t Enter(Kind kind, LossClass loss_class) {
    const uint32_t number = books_->events;
    Event& event = books_.event(number);
    event.group = group_number_;
    event.kind = kind;
    event.loss_class = static_cast<uint8_t>(loss_class);
    group_->end = number + 1;
    books_->events = number + 1;
    offered_[Index(loss_class)]++;
    return number;
  }

  template <typename Encodable>
  void Push(uint32_t number, EventType type, LossClass loss_class, const Encodable& event) {
    std::array<uint8_t, events::kEncodedBytesMax> encoded;
    const size_t bytes = events::Encode(event, encoded);
    events::RingEventSink& sink = *sinks_[Below(kWorkers)];
    if (!sink.Push(type, loss_class, {encoded.data(), bytes})) books_.event(number).refused = true;
  }

  void Health(events::HealthKind kind) {
    keeper_->TellHealth(kind, Enter(Kind::kHealth, LossClass::kHealth), "");
  }

  void Finding() {
    const uint32_t number = Enter(Kind::kFinding, LossClass::kFinding);
    events::FindingEvent event;
    event.time = StartOf(number, boot_);
    event.session_id = number;
    event.src_ip = base::IpAddress::Parse("10.0.0.1").value();
    event.direction = events::Direction::kOutbound;
    event.rule = "r1";
    event.rule_class = "malware";
    Push(number, EventType::kFinding, LossClass::kFinding, event);
  }

  void Snapshot(Live& live, LossClass loss_class, bool closes) {
    const uint32_t number = Enter(Kind::kSession, loss_class);
    Event& entry = books_.event(number);
    entry.session = live.session;
    entry.revision = live.revision;
    entry.closes = closes;
    events::SessionEvent event;
    event.session_id = live.session;
    event.revision = live.revision;
    event.session_start = StartOf(live.session, boot_);
    event.start = event.session_start;
    event.end = {event.start.ns + live.revision * base::kNsPerSecond};
    event.src_ip = base::IpAddress::Parse("10.0.0.0").value();
    event.src_ip.mutable_bytes()[15] = static_cast<uint8_t>(live.session % 50);
    event.dst_ip = base::IpAddress::Parse("203.0.113.9").value();
    event.src_port = static_cast<uint16_t>(live.session);
    event.dst_port = 443;
    event.ip_protocol = 6;
    event.direction = events::Direction::kOutbound;
    event.packets_to_dst = number;
    if (live.revision > 0) event.name = "www.example.com";
    if (closes) {
      event.state = events::SessionState::kClosed;
      event.end_reason = events::EndReason::kFin;
    }
    live.revision++;
    Push(number, EventType::kSession, loss_class, event);
  }

  void OneEvent() {
    const uint64_t which = Below(100);
    if (which < 5) return Finding();
    if (which < 7) return Health(events::HealthKind::kPolicyInstalled);
    if (live_.empty() || (which < 55 && live_.size() < kLiveMax)) {
      const uint32_t session = books_->sessions + 1;
      books_->sessions = session;
      live_.push_back({session, 0});
      return Snapshot(live_.back(), LossClass::kSession, false);
    }
    const size_t at = Below(live_.size());
    if (which < 80) return Snapshot(live_[at], LossClass::kDetail, false);
    Snapshot(live_[at], LossClass::kSession, true);
    live_[at] = live_.back();
    live_.pop_back();
  }

  // Some events into the rings, and a drain. Now and then more than the rings hold.
  void Round() {
    if (books_.full()) return;
    BeginGroup();
    const uint64_t most = burst_ > 0 ? 400 : 60;
    for (uint64_t left = Below(most); left > 0; --left) OneEvent();
    EndGroup();
  }

  void Rest() {
    if (burst_ > 0) {
      --burst_;
      return;
    }
    if (Below(40) == 0) burst_ = Below(20);
    const bool filled = keeper_->journal_bytes() > kQuotaBytes / 2;
    ::usleep(static_cast<useconds_t>(filled || books_.full() ? 2000 : Below(800)));
  }

  void EndGroup() {
    clock_.ns += static_cast<int64_t>(Below(1500)) * base::kNsPerMs;
    keeper_->Drain(sources_, StartOf(books_->sessions, boot_), clock_);
    for (size_t i = 0; i < kLossClasses; ++i) {
      group_->lost[i] = static_cast<uint32_t>(keeper_->lost()[i] - lost_before_[i]);
    }
    CheckCounters();
    group_->confirmed.store(true, std::memory_order_release);
    side().progress++;
  }

  // The data plane's own books, after a drain: produced = stored + lost. The journal counts its own
  // announcements as health that was offered and stored.
  void CheckCounters() {
    const events::JournalCounters& journal = keeper_->journal_counters();
    LossClassCounts offered = journal.offered;
    for (size_t i = 0; i < kLossClasses; ++i) {
      const auto loss_class = static_cast<LossClass>(i);
      uint64_t in_rings = 0;
      for (const auto& sink : sinks_) in_rings += sink->lost(loss_class);
      const bool produced = keeper_->produced()[i] == offered_[i];
      const bool balanced = offered[i] == journal.stored[i] + journal.lost(loss_class);
      const bool whole = keeper_->lost()[i] == in_rings + journal.lost(loss_class);
      const uint64_t own = offered[i] - (offered_[i] - in_rings);
      const bool own_health = own == 0 || loss_class == LossClass::kHealth;
      if (produced && balanced && whole && own_health) continue;
      Complain(side(), kWrong,
               fmt::format("{}: produced {} of {}, journal {} = {} + {}, lost {} of them {} in "
                           "rings",
                           events::LossClassName(loss_class), keeper_->produced()[i], offered_[i],
                           offered[i], journal.stored[i], journal.lost(loss_class),
                           keeper_->lost()[i], in_rings));
    }
    NoteLosses(journal);
  }

  // Sums of all starts: this one's part is replaced by what it is now.
  void NoteLosses(const events::JournalCounters& journal) {
    const auto sum = [](const LossClassCounts& counts) {
      return std::accumulate(counts.begin(), counts.end(), uint64_t{0});
    };
    const uint64_t quota = sum(journal.lost_to_quota);
    const uint64_t fault = sum(journal.lost_to_fault);
    const uint64_t rings = keeper_->lost_total() - quota - fault;
    books_->lost_in_rings += rings - std::exchange(noted_in_rings_, rings);
    books_->lost_to_quota += quota - std::exchange(noted_to_quota_, quota);
    books_->lost_to_fault += fault - std::exchange(noted_to_fault_, fault);
  }

  bool AllAnnounced() const {
    for (size_t i = 0; i < kLossClasses; ++i) {
      const events::JournalCounters& journal = keeper_->journal_counters();
      if (journal.announced[i] != keeper_->lost()[i] + journal.inherited[i]) return false;
    }
    return true;
  }

  // Once more than the rings hold, so that there is something to tell; then until an event of each
  // kind is stored and every loss announced, however long that takes.
  void Settle() {
    BeginGroup();
    for (int i = 0; i < kMoreThanRingsHold; ++i) OneEvent();
    EndGroup();
    int quiet_rounds = 0;
    for (bool done = false; !done;) {
      const LossClassCounts lost = keeper_->lost();
      BeginGroup();
      for (int i = 0; i < 20; ++i) OneEvent();
      Finding();
      Health(events::HealthKind::kPolicyInstalled);
      EndGroup();
      const bool quiet = keeper_->lost() == lost;
      done = quiet && AllAnnounced();
      quiet_rounds = quiet ? quiet_rounds + 1 : 0;
      if (quiet_rounds > kQuietRoundsMax) Complain(side(), kWrong, "losses are not announced");
      if (!done) ::usleep(5000);
      if (side().command == Command::kEnd) Complain(side(), kWrong, Stuck());
    }
  }

  std::string Stuck() const {
    return fmt::format("the journal takes nothing: {} of {} bytes, failing {}, lost {}, up to {}",
                       keeper_->journal_bytes(), kQuotaBytes, keeper_->journal_failing(),
                       keeper_->lost_total(), books_->events.load());
  }

  void CheckTheEnd() {
    if (AllAnnounced()) return;
    Complain(side(), kWrong, "an orderly end leaves losses unannounced");
  }

  SharedBooks& books_;
  const uint32_t boot_;
  std::mt19937_64 random_;
  std::vector<std::unique_ptr<events::EventRing>> rings_;
  std::vector<std::unique_ptr<events::RingEventSink>> sinks_;
  std::vector<EventSource> sources_;
  std::unique_ptr<EventKeeper> keeper_;
  std::vector<Live> live_;
  Group* group_ = nullptr;
  uint32_t group_number_ = 0;
  uint64_t burst_ = 0;
  base::MonoTime clock_{100 * base::kNsPerSecond};
  LossClassCounts offered_{};
  LossClassCounts lost_before_{};  // the group
  uint64_t noted_in_rings_ = 0;
  uint64_t noted_to_quota_ = 0;
  uint64_t noted_to_fault_ = 0;
};

}  // namespace

base::WallTime StartOf(uint32_t session, uint32_t boot) {
  return {kFirstDayNs + boot / kBootsADay * kDayNs + session % 86'000 * base::kNsPerSecond};
}

void RunDataplane(const Start& start) {
  spdlog::set_level(spdlog::level::off);  // trouble is what this is about
  ArmFaults(start.folder, start.books->operator->()->dataplane.faults, start.seed);
  Dataplane(start).Run();
}

}  // namespace weir::crash
