#include "control/sealing/record_gaps.h"

#include <algorithm>
#include <map>

#include "control/audit/store_keys.h"

namespace weir::control::sealing {
namespace {

// Follows the sensor's starts, ends and losses, in the order in which they were written.
class HealthReader {
 public:
  explicit HealthReader(audit::SessionStore& store) : store_(store) {}

  // The newest of them.
  base::Status Read(RecordGaps& gaps) {
    const auto newest = store_.NewestHealth();
    if (!newest.ok()) return newest.error();
    const uint64_t after = *newest - std::min(*newest, RecordGaps::kHealthMax);
    auto read = store_.Health(0, [&](const audit::SequencedHealth& oldest) {
      gaps.whole = oldest.seq > after;
      return false;
    });
    if (!read.ok()) return read;
    return store_.Health(after, [&](const audit::SequencedHealth& health) {
      Take(health.event);
      return true;
    });
  }
  std::vector<RecordGap> Finish(base::WallTime now, bool recording) && {
    if (stopped_ && *stopped_ < now) {
      gaps_.push_back({RecordGap::Kind::kNotRecording, {*stopped_, now}, true, false, {}, 0});
    } else if (runs_ && !recording && heard_ < now) {
      gaps_.push_back({RecordGap::Kind::kNotRecording, {heard_, now}, true, true, {}, 0});
    }
    for (RecordGap& gap : gaps_) {
      if (gap.is_about && !Estimate(gap)) break;
    }
    for (auto& [name, gap] : losses_) gaps_.push_back(std::move(gap));
    return std::move(gaps_);
  }

 private:
  void Take(const events::HealthEvent& event) {
    switch (event.kind) {
      case events::HealthKind::kStarted:
        if (stopped_ && *stopped_ < event.time) {
          gaps_.push_back(
              {RecordGap::Kind::kNotRecording, {*stopped_, event.time}, false, false, {}, 0});
        } else if (!stopped_ && runs_) {
          // It ended without a word, not before the last that was heard of it.
          gaps_.push_back(
              {RecordGap::Kind::kNotRecording, {heard_, event.time}, false, true, {}, 0});
        }
        stopped_.reset();
        break;
      case events::HealthKind::kStopped:
        stopped_ = event.time;
        break;
      case events::HealthKind::kEventsLost:
        Lose(event);
        break;
      case events::HealthKind::kPolicyInstalled:
      case events::HealthKind::kPolicyRefused:
      case events::HealthKind::kBypass:
      case events::HealthKind::kRogueDhcp:
        break;
    }
    heard_ = event.time;
    runs_ = !stopped_;  // who says something runs, also where its start is not among those read
  }

  // Hours one behind the other are one gap.
  void Lose(const events::HealthEvent& event) {
    const base::WallTime hour = audit::HourStart(event.time);
    const base::WallTime end{hour.ns + audit::kHourNs};
    const auto known = losses_.find(event.detail);
    if (known != losses_.end() && hour <= known->second.span.to) {
      known->second.span.to = std::max(known->second.span.to, end);
      known->second.events += event.value;
      return;
    }
    if (known != losses_.end()) {
      gaps_.push_back(std::move(known->second));
      losses_.erase(known);
    }
    RecordGap gap{RecordGap::Kind::kEventsLost, {hour, end}, false, false, {}, event.value};
    if (event.detail == audit::kLostInJournal) {
      gap.kind = RecordGap::Kind::kNotReadable;
    } else {
      gap.lost_class = event.detail;
    }
    losses_[std::string(event.detail)] = std::move(gap);
  }

  // The last session before a crash is the last that is known of the sensor. False: sessions cannot
  // be read now, and the gap begins with what was heard last.
  bool Estimate(RecordGap& gap) {
    audit::Query newest;
    newest.from = gap.span.from;
    newest.to = gap.span.to;
    newest.by_start = true;
    newest.newest_first = true;
    newest.limit = 1;
    const auto read = store_.Sessions(newest, [&](const audit::SessionRecord& session) {
      gap.span.from = session.event.start;
      return true;
    });
    return read.ok();
  }

  audit::SessionStore& store_;
  std::vector<RecordGap> gaps_;
  std::map<std::string, RecordGap, std::less<>> losses_;  // that may go on, by their class
  std::optional<base::WallTime> stopped_;
  bool runs_ = false;
  base::WallTime heard_;
};

}  // namespace

std::string_view GapKindName(RecordGap::Kind kind) {
  switch (kind) {
    case RecordGap::Kind::kNotSealed:
      return "not sealed";
    case RecordGap::Kind::kNotRecording:
      return "not recording";
    case RecordGap::Kind::kEventsLost:
      return "events lost";
    case RecordGap::Kind::kNotReadable:
      return "not readable";
  }
  return "";
}

base::Result<RecordGaps> FindGaps(audit::SessionStore& store, const SealerStatus& status,
                                  base::WallTime now, int64_t overdue_ns, bool recording) {
  RecordGaps found;
  HealthReader health(store);
  if (auto read = health.Read(found); !read.ok()) return read.error();
  found.gaps = std::move(health).Finish(now, recording);
  for (const audit::TimeSpan& span : status.unsealed) {
    found.gaps.push_back({RecordGap::Kind::kNotSealed, span, false, false, {}, 0});
  }
  if (status.until && now.ns - status.until->ns > overdue_ns) {
    found.gaps.push_back({RecordGap::Kind::kNotSealed, {*status.until, now}, true, false, {}, 0});
  }
  std::ranges::stable_sort(found.gaps, {}, [](const RecordGap& gap) { return gap.span.from; });
  if (found.gaps.size() > RecordGaps::kGapsMax) {
    found.older = found.gaps.size() - RecordGaps::kGapsMax;
    found.gaps.erase(found.gaps.begin(),
                     found.gaps.begin() + static_cast<std::ptrdiff_t>(found.older));
  }
  return found;
}

}  // namespace weir::control::sealing
