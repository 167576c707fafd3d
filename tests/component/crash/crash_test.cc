// kill -9 of the data plane's way of events, of the control plane's, or of both, at random moments
// and on a disk that fails, again and again; and then the books must balance.
//
// For each loss class, over all starts of the data plane, exactly:
//
//     offered = stored + lost + gone with a kill
//
// offered: handed to a ring or to the journal. stored: in the store, once. lost: in the store as
// `events lost`, told by the start of the data plane that counted it or by the next. Gone with a
// kill: of the one drain that a kill cut short, so that nobody was told that it is safe. This is
// not only true of the sums: it is checked for each drain that came back, with nothing gone; and
// what it counted as lost is in the journal's file of losses whenever its process is killed.
//
// More cycles:  WEIR_CRASH_CYCLES=20000 crash_test
// One run again, as far as the machine's own timing allows:  WEIR_SEED=4711 crash_test
// No faults of the disk: WEIR_CRASH_FAULTS=0. The folder is kept: WEIR_CRASH_KEEP=1.
#include <fmt/format.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <cstdio>
#include <fstream>
#include <functional>
#include <optional>
#include <random>

#include "books.h"
#include "sides.h"
#include "stored.h"

namespace weir::crash {
namespace {

constexpr uint32_t kCyclesDefault = 500;
constexpr uint32_t kCyclesBetweenSettling = 50;
constexpr uint32_t kCyclesForEveryFault = 200;  // from so many on each kind must have been met
constexpr auto kPatience = std::chrono::seconds(300);    // for what must come, on any machine
constexpr auto kHaste = std::chrono::milliseconds(400);  // for what need not come

using Clock = std::chrono::steady_clock;

uint64_t NumberFrom(const char* name, uint64_t otherwise) {
  const char* text = std::getenv(name);
  return text == nullptr ? otherwise : std::strtoull(text, nullptr, 10);
}

// One of the two processes, from the parent's view.
struct Child {
  const char* name = "";
  Side* side = nullptr;
  std::function<void(const Start&)> run;
  pid_t pid = 0;  // 0: not running
  uint64_t kills = 0;
  uint64_t kills_in_calls = 0;  // of these, by its own disk
  uint64_t not_opened = 0;
  uint64_t starts = 0;
  uint64_t injected_at_start = 0;
  bool faults_at_start = false;
};

uint64_t Injected(const Side& side) {
  uint64_t sum = 0;
  for (const auto& count : side.faults.injected) sum += count;
  return sum;
}

class Crash : public ::testing::Test {
 protected:
  Crash()
      : cycles_(static_cast<uint32_t>(NumberFrom("WEIR_CRASH_CYCLES", kCyclesDefault))),
        faults_(NumberFrom("WEIR_CRASH_FAULTS", 1) != 0),
        seed_(NumberFrom("WEIR_SEED", std::random_device()())),
        random_(seed_),
        books_(cycles_) {
    std::string pattern = std::filesystem::temp_directory_path() / "weir-crash-XXXXXX";
    folder_ = mkdtemp(pattern.data());
    dataplane_.name = "dataplane";
    dataplane_.side = &books_->dataplane;
    dataplane_.run = RunDataplane;
    control_.name = "control";
    control_.side = &books_->control;
    control_.run = RunControl;
  }
  ~Crash() override {
    for (Child* child : {&dataplane_, &control_}) {
      if (child->pid == 0) continue;
      ::kill(child->pid, SIGKILL);
      ::waitpid(child->pid, nullptr, 0);
    }
    if (std::getenv("WEIR_CRASH_KEEP") == nullptr) std::filesystem::remove_all(folder_);
  }

  uint64_t Below(uint64_t limit) { return random_() % limit; }

  void Launch(Child& child, bool faults) {
    Start start{folder_, &books_, random_(), 0};
    if (&child == &dataplane_) start.boot = ++boots_;
    ASSERT_LT(boots_, books_.boots_max());
    child.starts++;
    child.faults_at_start = faults;
    child.injected_at_start = Injected(*child.side);
    child.side->faults.on = faults;
    child.side->command = Command::kRun;
    std::fflush(stdout);  // else the child has it too
    child.pid = ::fork();
    ASSERT_GE(child.pid, 0);
    if (child.pid == 0) child.run(start);
  }

  // Starts what does not run.
  void EnsureRunning() {
    for (Child* child : {&dataplane_, &control_}) {
      Reap(*child);
      if (HasFatalFailure()) return;
      if (child->pid == 0) Launch(*child, faults_ && Below(10) < 7);
    }
  }

  // Notices the end of a child that nobody here has killed. True when it was killed: by its disk.
  bool Reap(Child& child) {
    if (child.pid == 0) return false;
    int status = 0;
    if (::waitpid(child.pid, &status, WNOHANG) != child.pid) return false;
    return Ended(child, status);
  }

  bool Ended(Child& child, int status) {
    child.pid = 0;
    if (&child == &dataplane_) CompareLossFile();
    if (WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL) {
      child.kills++;
      child.kills_in_calls++;
      return true;
    }
    const std::string complaint = child.side->complaint.data();
    const bool faulty = Injected(*child.side) > child.injected_at_start;
    if (WIFEXITED(status) && WEXITSTATUS(status) == kNotOpened && faulty) {
      child.not_opened++;
      return false;
    }
    if (WIFEXITED(status) && WEXITSTATUS(status) == 0) return false;
    ADD_FAILURE() << child.name << " ended with status " << status << ": " << complaint;
    return false;
  }

  void Kill(Child& child) {
    if (child.pid == 0) return;
    ::kill(child.pid, SIGKILL);
    int status = 0;
    ASSERT_EQ(::waitpid(child.pid, &status, 0), child.pid);
    if (WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL) {
      child.pid = 0;
      child.kills++;
      if (&child == &dataplane_) CompareLossFile();
    } else {
      Ended(child, status);  // it was quicker
    }
  }

  // The data plane has ended: its file of losses holds what the drains that came back have counted,
  // and what it holds beyond that is of the one that was cut short.
  void CompareLossFile() {
    LossClassCounts confirmed = counted_;
    Group* cut_short = nullptr;
    for (; noted_ < books_->groups; ++noted_) {
      Group& group = books_.group(noted_);
      if (!group.confirmed) {
        ASSERT_EQ(cut_short, nullptr) << "two drains of one start were cut short";
        cut_short = &group;
        continue;
      }
      for (size_t i = 0; i < kLossClasses; ++i) confirmed[i] += group.lost[i];
    }
    std::ifstream file(JournalOf(folder_) / events::kLossFileName, std::ios::binary);
    const std::vector<char> bytes{std::istreambuf_iterator<char>(file), {}};
    const auto found =
        events::DecodeLosses({reinterpret_cast<const uint8_t*>(bytes.data()), bytes.size()});
    if (!bytes.empty()) {
      ASSERT_EQ(found.state, events::FoundLosses::State::kGood) << "damaged by a kill";
    }
    for (size_t i = 0; i < kLossClasses; ++i) {
      const uint64_t counted = found.losses.counted[i];
      ASSERT_GE(counted, confirmed[i]) << "start " << boots_ << ": a loss is forgotten";
      if (cut_short != nullptr) cut_short->lost[i] = static_cast<uint32_t>(counted - confirmed[i]);
      ASSERT_TRUE(cut_short != nullptr || counted == confirmed[i]) << "start " << boots_;
    }
    counted_ = found.losses.counted;
  }

  // Until the victim has come so far, or dies by itself; or, without a promise, for a while. True
  // when one was killed by its disk.
  bool AwaitMoment(Child& victim) {
    const auto until = Clock::now() + kHaste;
    const bool early = Below(4) == 0;
    const uint64_t steps = &victim == &dataplane_ ? 1 + Below(50) : 1 + Below(30);
    const uint64_t wanted = victim.side->progress + (early ? 0 : steps);
    while (Clock::now() < until) {
      if (Reap(dataplane_) || Reap(control_)) return true;
      if (HasFailure() || victim.pid == 0) return false;
      if (victim.side->progress >= wanted) break;
      ::usleep(200);
    }
    ::usleep(static_cast<useconds_t>(Below(early ? 20'000 : 2000)));
    return false;
  }

  // Whether a kill has happened.
  bool Cycle() {
    EnsureRunning();
    if (HasFailure()) return false;
    const uint64_t who = Below(5);
    Child& victim = who < 2 ? dataplane_ : control_;
    if (AwaitMoment(victim)) return true;
    const uint64_t before = dataplane_.kills + control_.kills;
    if (who != 4) {
      Kill(victim);
    } else {
      Kill(dataplane_);
      Kill(control_);
      both_++;
    }
    return dataplane_.kills + control_.kills > before;
  }

  template <typename Condition>
  void Await(const char* what, const Condition& condition) {
    const auto until = Clock::now() + kPatience;
    while (!condition()) {
      ASSERT_FALSE(HasFailure());
      ASSERT_LT(Clock::now(), until) << what << "; dataplane: " << dataplane_.side->complaint.data()
                                     << "; control: " << control_.side->complaint.data();
      ::usleep(1000);
    }
  }

  // The disk is well again: both go on as they are, or are started once more. The data plane ends
  // once it has room again and has told of all losses, and the control side has everything then.
  void Settle() {
    dataplane_.side->faults.on = false;
    control_.side->faults.on = false;
    Await("neither would run", [&] {
      for (Child* child : {&dataplane_, &control_}) {
        Reap(*child);
        if (child->pid == 0 && !HasFailure()) Launch(*child, false);
      }
      return dataplane_.side->progress > 0 || HasFailure();
    });
    if (HasFailure()) return;
    dataplane_.side->command = Command::kSettle;
    Await("the data plane does not come to rest", [&] {
      if (Reap(dataplane_) || (dataplane_.pid == 0 && !books_.boot(boots_).ended_well)) {
        Launch(dataplane_, false);
        dataplane_.side->command = Command::kSettle;
      }
      KeepControl();
      return dataplane_.pid == 0 && books_.boot(boots_).ended_well;
    });
    if (HasFailure()) return;
    const uint32_t asked = ++control_.side->asked;
    Await("the control side does not come to its end", [&] {
      KeepControl();
      return control_.side->answered == asked;
    });
    if (!HasFailure()) ExpectGroupsBalance();
  }

  // It may still end for a fault that came before the disk was well.
  void KeepControl() {
    Reap(control_);
    if (control_.pid == 0 && !HasFailure()) Launch(control_, false);
  }

  // Every drain since the last time, each class by itself.
  void ExpectGroupsBalance() {
    EXPECT_EQ(books_->doubled, 0U);
    EXPECT_EQ(books_->strange, 0U);
    EXPECT_EQ(books_->missing_frames, 0U);
    EXPECT_EQ(books_->damaged_places, 0U);
    EXPECT_EQ(books_->undecodable, 0U);
    for (; checked_ < books_->groups; ++checked_) {
      const Group& group = books_.group(checked_);
      const auto tally = books_.TallyOf(group);
      EXPECT_EQ(tally.refused_and_stored, 0U) << "refused by a ring, and stored";
      for (size_t i = 0; i < kLossClasses; ++i) {
        const uint64_t gone = tally.offered[i] - tally.stored[i];
        offered_[i] += tally.offered[i];
        stored_[i] += tally.stored[i];
        lost_[i] += group.lost[i];
        if (!group.confirmed) {
          ASSERT_LE(group.lost[i], gone) << "counted, and stored, in drain " << checked_;
          gone_[i] += gone - group.lost[i];
          continue;
        }
        ASSERT_EQ(gone, group.lost[i]) << "drain " << checked_ << " of start " << group.boot
                                       << ", events " << group.first << " to " << group.end << ", "
                                       << events::LossClassName(static_cast<events::LossClass>(i))
                                       << ": offered " << tally.offered[i] << ", stored "
                                       << tally.stored[i] << ", counted lost " << group.lost[i];
        ASSERT_LE(tally.refused[i], group.lost[i]);
      }
    }
  }

  void EndControl() {
    control_.side->command = Command::kEnd;
    Await("the control side does not end", [&] {
      Reap(control_);
      return control_.pid == 0;
    });
  }

  void ExpectLossesAnnounced(const Announced& announced);
  void Report() const;

  const uint32_t cycles_;
  const bool faults_;
  const uint64_t seed_;
  std::mt19937_64 random_;
  SharedBooks books_;
  std::filesystem::path folder_;
  Child dataplane_;
  Child control_;
  uint32_t boots_ = 0;
  uint64_t both_ = 0;
  uint32_t checked_ = 0;  // groups
  LossClassCounts offered_{};
  LossClassCounts stored_{};
  LossClassCounts lost_{};
  LossClassCounts gone_{};     // unconfirmed at a kill, neither stored nor counted
  uint32_t noted_ = 0;         // groups whose losses are compared with the file of losses
  LossClassCounts counted_{};  // that the file held then
};

// What the data plane counted as lost is in the store, as events of its own: told by the start that
// counted it or by a later one, but never before it was counted, and all of it after an orderly
// end.
void Crash::ExpectLossesAnnounced(const Announced& announced) {
  std::vector<LossClassCounts> lost(boots_ + 1);
  for (uint32_t number = 0; number < books_->groups; ++number) {
    const Group& group = books_.group(number);
    for (size_t i = 0; i < kLossClasses; ++i) lost[group.boot][i] += group.lost[i];
  }
  LossClassCounts counted{};
  LossClassCounts told{};
  for (uint32_t boot = 1; boot <= boots_; ++boot) {
    for (size_t i = 0; i < kLossClasses; ++i) {
      counted[i] += lost[boot][i];
      told[i] += announced.of(boot)[i];
      EXPECT_LE(told[i], counted[i]) << "up to start " << boot << ", class " << i;
      const bool all = told[i] == counted[i];
      EXPECT_TRUE(all || !books_.boot(boot).ended_well) << "start " << boot << ", class " << i;
    }
  }
  EXPECT_EQ(told, lost_) << "lost in the store, and lost";
}

void Crash::Report() const {
  std::printf(
      "%lu kills of the data plane (%lu in calls), %lu of control (%lu in calls), %lu of "
      "them both at once\n",
      dataplane_.kills, dataplane_.kills_in_calls, control_.kills, control_.kills_in_calls, both_);
  for (const Child* child : {&dataplane_, &control_}) {
    std::printf("%s: %lu starts, %lu ended as a file could not be opened;", child->name,
                child->starts, child->not_opened);
    for (size_t i = 0; i < kFaults; ++i) {
      std::printf(" %s %lu,", FaultName(static_cast<Fault>(i)),
                  child->side->faults.injected[i].load());
    }
    std::printf(" writes dropped %lu, of %lu calls\n", child->side->faults.writes_dropped.load(),
                child->side->faults.calls.load());
  }
  std::printf(
      "commits: %u tried, %lu failed, %lu of those cut short were found stored; %lu "
      "recoveries\n",
      books_->commits.load(), books_->commits_failed.load(), books_->commits_found_later.load(),
      books_->recoveries.load());
  std::printf("lost in rings %lu, to the quota %lu, to faults %lu; %u drains\n",
              books_->lost_in_rings.load(), books_->lost_to_quota.load(),
              books_->lost_to_fault.load(), books_->groups.load());
  for (size_t i = 0; i < kLossClasses; ++i) {
    std::printf("%-8s offered %lu = stored %lu + lost %lu + gone with a kill %lu\n",
                std::string(events::LossClassName(static_cast<events::LossClass>(i))).c_str(),
                offered_[i], stored_[i], lost_[i], gone_[i]);
  }
}

TEST_F(Crash, LosesNothingThatWasConfirmedAndStoresNothingTwice) {
  std::printf("%u cycles, seed %lu\n", cycles_, seed_);
  const auto begin = Clock::now();
  for (uint32_t done = 0; done < cycles_ && !HasFailure();) {
    if (!Cycle()) continue;
    ++done;
    if (done % kCyclesBetweenSettling == 0 && !HasFailure()) Settle();
    ASSERT_FALSE(HasFailure()) << "cycle " << done << ", seed " << seed_;
  }
  // The last start of the data plane is one that begins when the disk is well, and ends well.
  if (dataplane_.pid == 0) Launch(dataplane_, false);
  Settle();
  ASSERT_FALSE(HasFailure()) << "seed " << seed_;
  EndControl();
  Announced announced(books_.boots_max());
  ExpectStoredAsBooked(books_, folder_, boots_, announced);
  ExpectLossesAnnounced(announced);
  Report();
  for (size_t i = 0; i < kLossClasses; ++i) {
    EXPECT_EQ(offered_[i], stored_[i] + lost_[i] + gone_[i]);
    EXPECT_GT(stored_[i], 0U);
  }
  if (faults_ && cycles_ >= kCyclesForEveryFault) {
    for (size_t i = 0; i < kFaults; ++i) {
      EXPECT_GT(books_->dataplane.faults.injected[i] + books_->control.faults.injected[i], 0U)
          << FaultName(static_cast<Fault>(i));
    }
    EXPECT_GT(books_->lost_to_fault, 0U);
    EXPECT_GT(books_->lost_to_quota, 0U);
    EXPECT_GT(books_->lost_in_rings, 0U);
  }
  const auto seconds = std::chrono::duration<double>(Clock::now() - begin).count();
  std::printf("%.1f seconds\n", seconds);
  EXPECT_FALSE(HasFailure()) << "seed " << seed_;
}

}  // namespace
}  // namespace weir::crash
