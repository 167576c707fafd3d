// Writes events into the journal: numbered, checksummed frames in segment files, within a quota.
//
// One thread (the data plane's main thread) owns a writer; one writer owns a directory, held by a
// lock. Append() frames into memory and Flush() hands all of it to the kernel in one write: call it
// once a drain of the rings. What Flush() has taken survives the death of the process; what a sync
// has covered (at most sync_ms later) survives the death of the machine.
//
// Nothing is lost in silence. For each loss class, at any moment:
//     offered = stored + lost + still in memory
// and after each Flush() nothing is in memory. What is counted when Flush() has come back is
// counted also if the process is killed: the loss ledger has it until an event has told of it.
#pragma once

#include <array>
#include <cstdint>
#include <deque>
#include <filesystem>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "dataplane/base/result.h"
#include "dataplane/base/time.h"
#include "dataplane/base/unique_fd.h"
#include "dataplane/events/event.h"
#include "dataplane/events/journal_files.h"
#include "dataplane/events/journal_format.h"
#include "dataplane/events/loss_ledger.h"

namespace weir::events {

struct JournalCounters {
  LossClassCounts offered{};  // given to Append(), and the writer's own kEventsLost events
  LossClassCounts stored{};
  LossClassCounts lost_to_quota{};
  LossClassCounts lost_to_fault{};  // the disk full or failing
  LossClassCounts announced{};      // losses, rings' among them, that a frame on disk tells of
  LossClassCounts inherited{};      // losses of earlier starts that nothing had told of
  uint64_t bytes_written = 0;
  uint64_t segments_created = 0;
  uint64_t segments_deleted = 0;  // after their acknowledgement
  uint64_t write_faults = 0;
  uint64_t sync_faults = 0;
  uint64_t torn_tails = 0;  // found at opening, or left where a failed write could not be cut away
  uint64_t loss_files_damaged = 0;  // what the file of losses said was not, or not all, readable

  uint64_t lost(LossClass loss_class) const;
};

class JournalWriter {
 public:
  struct Options {
    std::filesystem::path dir;  // made when missing
    uint64_t max_bytes = 1ULL << 30;
    uint64_t segment_bytes = 16ULL << 20;  // at most a quarter of max_bytes
    uint32_t sync_ms = 1000;               // 0: never
    uint64_t boot_id = 0;
    std::string sensor;
    std::function<void(std::string_view)> log;  // one line when trouble begins, one when it ends
    JournalFiles* files = nullptr;              // for tests: the system's own when null
  };

  // Takes the lock and finds where the numbers go on. What is there is left as it is: the next
  // Flush() begins a new segment behind it.
  static base::Result<std::unique_ptr<JournalWriter>> Open(Options options);
  ~JournalWriter();  // writes what is still in memory
  JournalWriter(const JournalWriter&) = delete;
  JournalWriter& operator=(const JournalWriter&) = delete;

  // Takes one event, or counts it as lost when the quota has no room for its class: detail may fill
  // the journal to 80 %, health to 90 %, findings to 95 %, sessions to the last byte. The payload
  // is 1 to kEncodedBytesMax bytes and copied.
  void Append(EventType type, LossClass loss_class, std::span<const uint8_t> payload);

  // Losses that somebody else has counted already (a full ring): announced by a kEventsLost event,
  // not counted here. Those of a killed process are covered from the next Flush() on.
  void AnnounceLost(LossClass loss_class, uint64_t count);

  // Writes what was appended, syncs when due, and announces each class's losses once they are over,
  // with a kEventsLost event at most once a second. False while the disk takes nothing; the events
  // of this flush are then counted as lost.
  bool Flush(base::WallTime wall, base::MonoTime now);

  // Flush for the last time: announces all losses whatever the time, and syncs.
  void Close(base::WallTime wall);

  // Deletes segments that are acknowledged. Call it a few times a second.
  void DeleteAcknowledged();

  // The newest frame on disk; kFirstSeq - 1 when there has never been one.
  uint64_t last_seq() const { return next_seq_ - 1; }
  uint64_t acknowledged_seq() const { return acknowledged_seq_; }
  uint64_t bytes_on_disk() const;
  uint64_t max_bytes() const { return options_.max_bytes; }
  bool failing() const { return failing_; }
  const JournalCounters& counters() const { return counters_; }

 private:
  // A frame in memory, in the order of the buffer.
  struct Pending {
    LossClass loss_class;  // of the frame, or with a loss announced: of that loss
    uint32_t frame_bytes;
    uint64_t announced_losses;  // above 0: the writer's own kEventsLost event
  };

  JournalWriter(Options options, JournalFiles* files);

  base::Status TakeLock();
  base::Status Recover();
  base::Status RecoverLosses(uint64_t read_end_seq);
  void ReopenLosses();
  bool OpenAck();
  void Put(EventType type, LossClass loss_class, std::span<const uint8_t> payload,
           const Pending& pending);
  void PutAnnouncements(base::WallTime wall);
  bool IsSegmentFull(size_t frame_bytes) const;
  bool HasRoomFor(LossClass loss_class, size_t frame_bytes) const;
  void CountQuotaLoss(LossClass loss_class);

  void KeepAnnouncing();
  void WriteBuffer();
  bool BeginSegment();
  bool WriteSegmentHeader(int fd);
  size_t WriteAll(std::span<const uint8_t> bytes, int& error);
  size_t SettleStored(size_t written_bytes);
  void SettleLost(size_t first);
  void CutTornTail();
  void LeaveSegment();
  void StartOver();
  void LeaveIfDeleted();
  void SyncWhenDue(base::MonoTime now);
  bool Sync();
  void SyncLosses();
  void SettleSynced();
  void SyncFolder();

  void EnterTrouble(const std::string& what);
  void LeaveTrouble();
  void LeaveFullness();
  void Log(const std::string& line) const;

  Options options_;
  JournalFiles* files_;
  base::UniqueFd lock_;
  base::UniqueFd ack_;
  base::UniqueFd segment_;  // none: the next write begins one

  uint64_t journal_id_ = 0;
  uint64_t salt_ = 0;              // of the open segment, or of the next
  uint64_t next_seq_ = kFirstSeq;  // of the first frame that is not yet on disk
  uint64_t acknowledged_seq_ = 0;
  std::deque<SegmentFile>
      segments_;               // all on disk; the open one is the last, its size in segment_offset_
  uint64_t closed_bytes_ = 0;  // of all segments but the open one
  uint64_t segment_offset_ = 0;  // behind the last whole frame of the open one

  std::vector<uint8_t> buffer_;
  std::vector<Pending> pending_;
  Losses losses_;  // kept in ledger_ at the end of each Flush, and around an announcement's write
  std::array<bool, kLossClasses> announcing_stored_{};  // on disk, and waiting for a sync
  std::unique_ptr<LossLedger> ledger_;
  base::MonoTime last_sync_;
  base::MonoTime last_announcement_;
  bool unsynced_ = false;
  bool failing_ = false;
  bool full_ = false;  // something was refused for the quota, and it is still well filled
  uint64_t lost_before_trouble_ = 0;
  JournalCounters counters_;
};

}  // namespace weir::events
