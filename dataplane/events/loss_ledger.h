// What was lost and which of it has been told, in a file beside the journal that outlives the
// writer.
//
// The file is mapped: a change is a copy into memory, without a system call, and survives the death
// of the process from that moment on, as what a write() has taken does. The death of the machine it
// survives from the next Sync() on. Two slots take turns, so that one is whole at any moment;
// docs/formats/journal.md is the specification. The journal writer's thread only.
#pragma once

#include <sys/types.h>

#include <array>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <span>

#include "dataplane/base/result.h"
#include "dataplane/events/event.h"
#include "dataplane/events/journal_files.h"

namespace weir::events {

using LossClassCounts = std::array<uint64_t, kLossClasses>;  // index: LossClass

// The sums of all starts since the file was made.
struct Losses {
  uint64_t journal_id = 0;
  LossClassCounts counted{};
  LossClassCounts told{};  // by a kEventsLost event that the journal has

  // An announcement that is on its way: told once the journal has its frame.
  struct Announcement {
    uint64_t seq = 0;
    uint64_t count = 0;  // 0: none
    bool operator==(const Announcement&) const = default;
  };
  std::array<Announcement, kLossClasses> announcing{};

  // Neither told nor on its way.
  uint64_t Untold(size_t loss_class) const {
    return counted[loss_class] - told[loss_class] - announcing[loss_class].count;
  }
  uint64_t Untold() const;
  // The journal has every frame below `next_seq`, and none from there on.
  void SettleAnnouncements(uint64_t next_seq);

  bool operator==(const Losses&) const = default;
};

inline constexpr std::string_view kLossFileName = "losses";
inline constexpr size_t kLossSlotBytes = 512;  // a disk's sector
inline constexpr size_t kLossFileBytes = 2 * kLossSlotBytes;

std::array<uint8_t, kLossSlotBytes> EncodeLosses(const Losses& losses, uint64_t turn);

struct FoundLosses {
  enum class State : uint8_t { kGood, kDamaged, kOtherVersion } state = State::kDamaged;
  uint64_t turn = 0;  // grows with each write; odd ones stand in the second slot
  bool torn = false;  // the other slot is damaged: a kill within its writing, or the disk
  Losses losses;
};
// The newer whole slot.
FoundLosses DecodeLosses(std::span<const uint8_t> file);

class LossLedger {
 public:
  // Opens the file of the journal in `dir`, or makes it with all its bytes on disk, so that a disk
  // that fills later cannot take their place. A damaged one is kept under the name
  // "losses.damaged" and begun anew: see damaged(). `durable`: a new one is synced. Fails where the
  // file cannot be had, and for one of another version.
  static base::Result<std::unique_ptr<LossLedger>> Open(const std::filesystem::path& dir,
                                                        JournalFiles& files, bool durable);
  ~LossLedger();
  LossLedger(const LossLedger&) = delete;
  LossLedger& operator=(const LossLedger&) = delete;

  const Losses& losses() const { return losses_; }
  // When it was opened: what it said is not known; and: its last change may not be.
  bool damaged() const { return damaged_; }
  bool torn() const { return torn_; }

  // What is counted from now on. No system call; nothing where nothing has changed.
  void Keep(const Losses& losses);

  // On disk, where something was kept since the last time. False and errno when that fails; the
  // next call tries again.
  bool Sync();
  bool unsynced() const { return unsynced_; }

  bool IsDeleted() const;  // by somebody: what is kept would be found by nobody

 private:
  LossLedger(JournalFiles& files, uint8_t* memory, dev_t device, ino_t inode,
             std::filesystem::path path);

  JournalFiles& files_;
  uint8_t* memory_;  // kLossFileBytes
  const dev_t device_;
  const ino_t inode_;
  const std::filesystem::path path_;
  Losses losses_;
  uint64_t turn_ = 0;
  bool damaged_ = false;
  bool torn_ = false;
  bool unsynced_ = false;
};

}  // namespace weir::events
