#include "dataplane/app/dataplane/event_keeper.h"

#include <fmt/format.h>
#include <spdlog/spdlog.h>

#include <algorithm>
#include <cctype>

namespace weir::appliance {
namespace {

constexpr size_t kRecordsARound = 20'000;  // of each ring; some tens of milliseconds at most
constexpr int64_t kCleanEveryNs = 200 * base::kNsPerMs;
constexpr size_t kCategoriesMax = 256;  // nDPI has about a hundred

}  // namespace

base::Result<std::unique_ptr<EventKeeper>> EventKeeper::Open(const base::Config& config,
                                                             uint64_t boot_id) {
  events::JournalWriter::Options options;
  options.dir = config.journal.dir;
  options.max_bytes = config.journal.max_bytes;
  options.segment_bytes = config.journal.segment_bytes;
  options.sync_ms = config.journal.sync_ms;
  options.boot_id = boot_id;
  options.sensor = config.sensor;
  options.log = [](std::string_view line) { spdlog::warn("{}", line); };
  auto journal = events::JournalWriter::Open(std::move(options));
  if (!journal) return journal.error();
  return std::unique_ptr<EventKeeper>(new EventKeeper(std::move(*journal), boot_id));
}

EventKeeper::EventKeeper(std::unique_ptr<events::JournalWriter> journal, uint64_t boot_id)
    : journal_(std::move(journal)), boot_id_(boot_id) {}

bool EventKeeper::Drain(std::span<const EventSource> workers, base::WallTime wall,
                        base::MonoTime now) {
  bool more = false;
  for (const EventSource& worker : workers) {
    const size_t taken = worker.ring->Consume(
        kRecordsARound,
        [this](events::EventType type, events::LossClass loss_class,
               std::span<const uint8_t> payload) { Take(type, loss_class, payload); });
    more = more || taken == kRecordsARound;
  }
  NoteRingLosses(workers);
  journal_->Flush(wall, now);
  if (now.ns - cleaned_at_.ns > kCleanEveryNs) {
    cleaned_at_ = now;
    journal_->DeleteAcknowledged();
  }
  return more;
}

void EventKeeper::Take(events::EventType type, events::LossClass loss_class,
                       std::span<const uint8_t> payload) {
  if (type == events::EventType::kSession && loss_class == events::LossClass::kSession) {
    CountCategory(payload);
  }
  journal_->Append(type, loss_class, payload);
}

void EventKeeper::CountCategory(std::span<const uint8_t> payload) {
  const auto session = events::DecodeSession(payload);
  if (!session || session->state != events::SessionState::kClosed ||
      session->end_reason == events::EndReason::kActive) {
    return;
  }
  std::string category(session->category);
  std::transform(category.begin(), category.end(), category.begin(),
                 [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  if (category.empty()) category = "unknown";
  const auto found = by_category_.find(category);
  if (found != by_category_.end()) {
    ++found->second;
  } else {
    ++by_category_[by_category_.size() < kCategoriesMax ? category : "other"];
  }
}

void EventKeeper::NoteRingLosses(std::span<const EventSource> workers) {
  events::LossClassCounts produced{};
  events::LossClassCounts lost{};
  for (const EventSource& worker : workers) {
    for (size_t i = 0; i < events::kLossClasses; ++i) {
      produced[i] += worker.sink->produced(events::LossClass{static_cast<uint8_t>(i)});
      lost[i] += worker.sink->lost(events::LossClass{static_cast<uint8_t>(i)});
    }
  }
  produced[static_cast<size_t>(events::LossClass::kHealth)] += health_events_;
  for (size_t i = 0; i < events::kLossClasses; ++i) {
    if (lost[i] > lost_in_rings_[i]) {
      journal_->AnnounceLost(events::LossClass{static_cast<uint8_t>(i)},
                             lost[i] - lost_in_rings_[i]);
    }
  }
  produced_ = produced;
  lost_in_rings_ = lost;
}

void EventKeeper::TellHealth(events::HealthKind kind, uint64_t value, std::string_view detail) {
  events::HealthEvent event;
  event.time = base::WallNow();
  event.kind = kind;
  event.boot_id = boot_id_;
  event.value = value;
  event.detail = detail;
  std::array<uint8_t, events::kEncodedBytesMax> encoded;
  const size_t bytes = events::Encode(event, encoded);
  ++health_events_;
  journal_->Append(events::EventType::kHealth, events::LossClass::kHealth, {encoded.data(), bytes});
}

void EventKeeper::Close() { journal_->Close(base::WallNow()); }

events::LossClassCounts EventKeeper::lost() const {
  events::LossClassCounts lost = lost_in_rings_;
  for (size_t i = 0; i < lost.size(); ++i) {
    lost[i] += journal_->counters().lost(events::LossClass{static_cast<uint8_t>(i)});
  }
  return lost;
}

uint64_t EventKeeper::lost_total() const {
  uint64_t total = 0;
  for (const uint64_t count : lost()) total += count;
  return total;
}

}  // namespace weir::appliance
