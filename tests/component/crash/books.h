// The books of the crash test: what the data plane's side offered and what became of it.
//
// They lie in memory that the parent shares with its children, so that a kill leaves them as they
// were at that moment. Each entry has one writer at a time: the data plane's side makes events and
// groups, the control side notes commits; the parent reads while both are dead or at rest.
//
// A *group* is what was offered between two drains. It is confirmed once the drain has come back:
// from then on, for each loss class,
//
//     offered = stored + lost
//
// must hold in it exactly, where `lost` is what the data plane's own counters grew by (rings,
// quota, faults) and `stored` the events of which a batch was committed. What a ring refused is
// known event by event; which frames the journal gave up is known by number and class only. A group
// that was not confirmed when its process was killed may be stored, each event once or not at all,
// and may be counted lost as far as the journal's file of losses says so; there is at most one for
// each start of the data plane.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "dataplane/events/journal_writer.h"
#include "faults.h"

namespace weir::crash {

using events::kLossClasses;
using events::LossClassCounts;

enum class Kind : uint8_t { kNone, kSession, kFinding, kHealth };

// An event's number is its place; 0 is none.
struct Event {
  uint32_t group = 0;
  uint32_t session = 0;   // of a snapshot
  uint32_t revision = 0;  // of a snapshot
  uint32_t commit = 0;    // the commit that stored it; 0: none
  Kind kind = Kind::kNone;
  uint8_t loss_class = 0;
  bool closes = false;   // a snapshot of a closed session
  bool refused = false;  // by a full ring, and counted there
};

struct Group {
  uint32_t boot = 0;
  uint32_t first = 0;                         // event
  uint32_t end = 0;                           // behind the last event
  std::array<uint32_t, kLossClasses> lost{};  // unconfirmed: set by the parent, from that file
  std::atomic<bool> confirmed{false};
};

struct Boot {
  std::atomic<bool> ended_well{false};  // not killed: it closed its journal
};

// A commit whose end is not yet known: the store's position tells once it is asked.
struct Attempt {
  static constexpr size_t kEventsMax = 8192;
  std::atomic<bool> open{false};
  uint32_t number = 0;
  uint32_t position_bytes = 0;
  std::array<char, 64> position{};
  uint32_t count = 0;
  std::array<uint32_t, kEventsMax> events{};
};

enum class Command : uint8_t { kRun, kSettle, kEnd };

// One of the two processes.
struct Side {
  FaultState faults;
  std::atomic<Command> command{Command::kRun};
  // The control side: how often it was asked whether all is committed and consumed, and answered.
  std::atomic<uint32_t> asked{0};
  std::atomic<uint32_t> answered{0};
  std::atomic<uint64_t> progress{0};  // drains, or commits
  std::array<char, 512> complaint{};  // why it ended, or what is wrong
};

struct Books {
  static constexpr size_t kAttempts = 4;

  Side dataplane;
  Side control;

  // The data plane's side.
  std::atomic<uint32_t> events{1};
  std::atomic<uint32_t> groups{0};
  std::atomic<uint32_t> sessions{0};
  std::atomic<uint64_t> lost_in_rings{0};
  std::atomic<uint64_t> lost_to_quota{0};
  std::atomic<uint64_t> lost_to_fault{0};

  // The control side.
  std::atomic<uint32_t> commits{0};  // tried
  std::atomic<uint64_t> commits_failed{0};
  std::atomic<uint64_t> commits_found_later{0};  // of those that failed or were cut short
  std::atomic<uint64_t> doubled{0};              // events of which two commits were good
  std::atomic<uint64_t> strange{0};              // events committed that nobody offered
  std::atomic<uint64_t> recoveries{0};
  std::atomic<uint64_t> missing_frames{0};
  std::atomic<uint64_t> damaged_places{0};
  std::atomic<uint64_t> undecodable{0};
  std::atomic<uint64_t> queries{0};
  std::array<Attempt, kAttempts> attempts;
};

// The books and their tables, mapped once by the parent. They go with it.
class SharedBooks {
 public:
  explicit SharedBooks(uint32_t cycles);
  ~SharedBooks();
  SharedBooks(const SharedBooks&) = delete;
  SharedBooks& operator=(const SharedBooks&) = delete;

  Books& operator*() const { return *books_; }
  Books* operator->() const { return books_; }
  Event& event(uint32_t number) const { return events_[number]; }
  Group& group(uint32_t number) const { return groups_[number]; }
  Boot& boot(uint32_t number) const { return boots_[number]; }

  // So much that nothing more may be made.
  bool full() const { return books_->events + kMargin > events_max_ || groups_full(); }
  uint32_t boots_max() const { return boots_max_; }

  // What one group's events say, by loss class.
  struct Tally {
    LossClassCounts offered{};
    LossClassCounts stored{};
    LossClassCounts refused{};  // by rings
    uint64_t refused_and_stored = 0;
  };
  Tally TallyOf(const Group& group) const;

 private:
  static constexpr uint32_t kMargin = 100'000;
  bool groups_full() const { return books_->groups + kMargin / 100 > groups_max_; }
  template <typename T>
  T* Map(size_t count);

  const uint32_t events_max_;
  const uint32_t groups_max_;
  const uint32_t boots_max_;
  Books* books_;
  Event* events_;
  Group* groups_;
  Boot* boots_;
};

// Notes `complaint` for the parent, and ends this process.
[[noreturn]] void Complain(Side& side, int code, std::string_view complaint);
inline constexpr int kNotOpened = 10;  // exit code: a file could not be opened, maybe for a fault
inline constexpr int kWrong = 11;      // exit code: something that must never be

}  // namespace weir::crash
