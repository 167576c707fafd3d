#include "dataplane/events/journal_writer.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <numeric>
#include <utility>

#include "dataplane/events/journal_recovery.h"

namespace weir::events {
namespace {

constexpr size_t kBufferBytesMax = 256 * 1024;
constexpr int64_t kAnnouncementIntervalNs = base::kNsPerSecond;
constexpr uint64_t kFullnessLeftAtPercent = 70;
constexpr std::string_view kLockFileName = "lock";
constexpr mode_t kDirMode = 0750;
constexpr mode_t kLockMode = 0640;
constexpr mode_t kAckMode = 0660;  // the reader may be of the group only

// How much of the quota a class may fill, in percent; index: LossClass.
constexpr std::array<uint64_t, kLossClasses> kQuotaPercent = {100, 95, 90, 80};

JournalFiles system_files;  // without state

size_t Index(LossClass loss_class) { return static_cast<size_t>(loss_class); }

uint64_t Sum(const LossClassCounts& counts) {
  return std::accumulate(counts.begin(), counts.end(), uint64_t{0});
}

uint64_t SumBytes(const std::deque<SegmentFile>& segments) {
  uint64_t bytes = 0;
  for (const SegmentFile& segment : segments) bytes += segment.bytes;
  return bytes;
}

uint64_t RandomNumber() {
  uint64_t number = 0;
  while (getrandom(&number, sizeof number, 0) != sizeof number) continue;
  return number;
}

bool SyncFile(const std::filesystem::path& path, JournalFiles& files) {
  const base::UniqueFd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  return fd && files.Sync(fd.get()) == 0;
}

// Trouble of the place rather than of the space: better not to go on in the same file.
bool IsMediumFault(int error) { return error != ENOSPC && error != EDQUOT && error != EFBIG; }

}  // namespace

uint64_t JournalCounters::lost(LossClass loss_class) const {
  return lost_to_quota[Index(loss_class)] + lost_to_fault[Index(loss_class)];
}

JournalWriter::JournalWriter(Options options, JournalFiles* files)
    : options_(std::move(options)), files_(files), salt_(RandomNumber()) {
  buffer_.reserve(kBufferBytesMax);
}

JournalWriter::~JournalWriter() {
  if (ledger_ == nullptr) return;  // it was not opened
  WriteBuffer();
  ledger_->Keep(losses_);
}

base::Result<std::unique_ptr<JournalWriter>> JournalWriter::Open(Options options) {
  const std::string dir = options.dir.string();
  const bool fits = options.segment_bytes >= kSegmentHeaderBytes + kFrameBytesMax &&
                    options.segment_bytes <= options.max_bytes / 4;
  if (!fits) {
    return base::Error{fmt::format("journal {}: segment_bytes must be from {} to {}, found {}", dir,
                                   kSegmentHeaderBytes + kFrameBytesMax, options.max_bytes / 4,
                                   options.segment_bytes)};
  }
  std::error_code fault;
  const bool made = std::filesystem::create_directories(options.dir, fault);
  if (fault) {
    return base::Error{fmt::format("journal {}: cannot be made: {}", dir, fault.message())};
  }
  if (made) ::chmod(dir.c_str(), kDirMode);
  JournalFiles* files = options.files != nullptr ? options.files : &system_files;
  std::unique_ptr<JournalWriter> writer(new JournalWriter(std::move(options), files));
  if (auto locked = writer->TakeLock(); !locked) return locked.error();
  if (auto recovered = writer->Recover(); !recovered) return recovered.error();
  return writer;
}

base::Status JournalWriter::TakeLock() {
  const std::filesystem::path path = options_.dir / kLockFileName;
  const auto fail = [&](const std::string& why) {
    return base::Error{fmt::format("journal {}: {}", options_.dir.string(), why)};
  };
  lock_.Reset(::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, kLockMode));
  if (!lock_) return fail(fmt::format("cannot be locked: {}", std::strerror(errno)));
  if (::flock(lock_.get(), LOCK_EX | LOCK_NB) != 0) {
    if (errno != EWOULDBLOCK)
      return fail(fmt::format("cannot be locked: {}", std::strerror(errno)));
    char holder[32] = {};
    const ssize_t bytes = ::pread(lock_.get(), holder, sizeof holder - 1, 0);
    return fail(fmt::format("in use by process {}", bytes > 0 ? holder : "unknown"));
  }
  const std::string pid = std::to_string(::getpid());
  const bool named =
      ::ftruncate(lock_.get(), 0) == 0 && ::pwrite(lock_.get(), pid.data(), pid.size(), 0) >= 0;
  if (!named) Log("the lock does not name its holder: " + std::string(std::strerror(errno)));
  return {};
}

bool JournalWriter::OpenAck() {
  const std::filesystem::path path = options_.dir / kAckFileName;
  ack_.Reset(::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, kAckMode));
  if (!ack_) return false;
  // Its place is taken now: on a full disk the reader could not acknowledge, and so nothing would
  // ever be deleted. Where that fails the disk is full already, and the reader may still find room.
  static_cast<void>(::posix_fallocate(ack_.get(), 0, kAckFileBytes));
  ::fchmod(ack_.get(), kAckMode);  // whatever the umask
  return true;
}

base::Status JournalWriter::Recover() {
  if (!OpenAck()) {
    return base::Error{fmt::format("journal {}: no acknowledgement file: {}", options_.dir.string(),
                                   std::strerror(errno))};
  }
  std::array<uint8_t, kAckFileBytes> slots{};
  const ssize_t got = ::pread(ack_.get(), slots.data(), slots.size(), 0);
  const auto ack =
      DecodeAcknowledgements(std::span(slots).first(got > 0 ? static_cast<size_t>(got) : 0));
  const auto found = RecoverJournal(options_.dir, ack);
  if (!found) return found.error();
  journal_id_ = found->journal_id != 0 ? found->journal_id : RandomNumber();
  next_seq_ = found->next_seq;
  segments_.assign(found->segments.begin(), found->segments.end());
  closed_bytes_ = SumBytes(segments_);
  counters_.torn_tails += found->torn_tails;
  // What a killed writer left to the kernel, before an announcement in it counts as told.
  if (options_.sync_ms > 0 && !segments_.empty()) {
    const auto newest = options_.dir / SegmentFileName(segments_.back().first_seq);
    if (!SyncFile(newest, *files_)) ++counters_.sync_faults;
  }
  if (auto losses = RecoverLosses(found->read_end_seq); !losses) return losses;
  DeleteAcknowledged();
  return {};
}

// What an earlier start has counted and not told is told by this one. An announcement that it was
// about when it ended is told if a reader finds its frame.
base::Status JournalWriter::RecoverLosses(uint64_t read_end_seq) {
  auto ledger = LossLedger::Open(options_.dir, *files_, options_.sync_ms > 0);
  if (!ledger) return base::Error{"journal " + ledger.error().message};
  ledger_ = std::move(*ledger);
  losses_ = ledger_->losses();
  const bool same_journal = losses_.journal_id == journal_id_;
  losses_.SettleAnnouncements(same_journal ? read_end_seq : 0);
  losses_.journal_id = journal_id_;
  ledger_->Keep(losses_);
  for (size_t i = 0; i < kLossClasses; ++i) counters_.inherited[i] = losses_.Untold(i);
  if (ledger_->damaged()) {
    Log("what earlier starts had lost and not told is not known: the file 'losses' is damaged and "
        "kept as 'losses.damaged'");
  } else if (ledger_->torn()) {
    Log("a half of the file 'losses' is damaged: a drain that was cut short, or the disk");
  }
  if (ledger_->damaged() || ledger_->torn()) ++counters_.loss_files_damaged;
  if (losses_.Untold() > 0) {
    Log(fmt::format("an earlier start had lost {} events without telling; they are told now",
                    losses_.Untold()));
  }
  return {};
}

// Somebody has deleted the file. Where no new one can be made the old one stays, unnamed.
void JournalWriter::ReopenLosses() {
  auto ledger = LossLedger::Open(options_.dir, *files_, options_.sync_ms > 0);
  if (!ledger) return;
  ledger_ = std::move(*ledger);
  ledger_->Keep(losses_);
}

uint64_t JournalWriter::bytes_on_disk() const {
  return closed_bytes_ + (segment_ ? segment_offset_ : 0);
}

// Whether a frame would lie beyond the end of the open segment, or of the one that begins next.
bool JournalWriter::IsSegmentFull(size_t frame_bytes) const {
  const uint64_t offset = segment_ ? segment_offset_ : kSegmentHeaderBytes;
  return offset + buffer_.size() + frame_bytes > options_.segment_bytes;
}

bool JournalWriter::HasRoomFor(LossClass loss_class, size_t frame_bytes) const {
  const uint64_t limit = options_.max_bytes / 100 * kQuotaPercent[Index(loss_class)];
  const bool begins_segment = !segment_ || IsSegmentFull(frame_bytes);
  const uint64_t header_bytes = begins_segment ? kSegmentHeaderBytes : 0;
  return bytes_on_disk() + header_bytes + buffer_.size() + frame_bytes <= limit;
}

void JournalWriter::Append(EventType type, LossClass loss_class, std::span<const uint8_t> payload) {
  ++counters_.offered[Index(loss_class)];
  const size_t frame_bytes = kFrameHeaderBytes + payload.size();
  if (!HasRoomFor(loss_class, frame_bytes)) return CountQuotaLoss(loss_class);
  Put(type, loss_class, payload, Pending{loss_class, static_cast<uint32_t>(frame_bytes), 0});
}

void JournalWriter::CountQuotaLoss(LossClass loss_class) {
  ++counters_.lost_to_quota[Index(loss_class)];
  ++losses_.counted[Index(loss_class)];
  if (std::exchange(full_, true)) return;
  Log(fmt::format("{} of {} bytes are waiting to be acknowledged; {} events are given up",
                  bytes_on_disk(), options_.max_bytes, LossClassName(loss_class)));
}

void JournalWriter::AnnounceLost(LossClass loss_class, uint64_t count) {
  losses_.counted[Index(loss_class)] += count;
}

void JournalWriter::Put(EventType type, LossClass loss_class, std::span<const uint8_t> payload,
                        const Pending& pending) {
  // A frame's checksum knows its segment, so that a segment is left before the frame is made.
  if (IsSegmentFull(pending.frame_bytes)) {
    WriteBuffer();
    LeaveSegment();
  } else if (buffer_.size() + pending.frame_bytes > kBufferBytesMax) {
    WriteBuffer();
  }
  const uint64_t seq = next_seq_ + pending_.size();
  if (pending.announced_losses > 0) {
    losses_.announcing[Index(pending.loss_class)] = {seq, pending.announced_losses};
  }
  AppendFrame(buffer_, Frame{seq, 0, type, loss_class, payload}, salt_);
  pending_.push_back(pending);
}

// One event for each class whose loss is over: there is room again for any event of it; and whose
// last one is synced, so that the ledger has one announcement of a class to remember.
void JournalWriter::PutAnnouncements(base::WallTime wall) {
  for (size_t i = 0; i < kLossClasses; ++i) {
    const auto lost_class = static_cast<LossClass>(i);
    HealthEvent event;
    event.time = wall;
    event.kind = HealthKind::kEventsLost;
    event.boot_id = options_.boot_id;
    event.value = losses_.Untold(i);
    event.detail = LossClassName(lost_class);
    std::array<uint8_t, kEncodedBytesMax> encoded{};
    const size_t payload_bytes = Encode(event, encoded);
    const size_t frame_bytes = kFrameHeaderBytes + payload_bytes;
    const bool waits = losses_.announcing[i].count > 0;
    if (event.value == 0 || waits || !HasRoomFor(lost_class, kFrameBytesMax)) continue;
    Put(EventType::kHealth, LossClass::kHealth, std::span(encoded).first(payload_bytes),
        Pending{lost_class, static_cast<uint32_t>(frame_bytes), event.value});
  }
}

bool JournalWriter::Flush(base::WallTime wall, base::MonoTime now) {
  if (losses_.Untold() > 0 && now.ns - last_announcement_.ns >= kAnnouncementIntervalNs) {
    last_announcement_ = now;
    PutAnnouncements(wall);
  }
  WriteBuffer();
  ledger_->Keep(losses_);
  SyncWhenDue(now);
  return !failing_;
}

void JournalWriter::SyncWhenDue(base::MonoTime now) {
  const int64_t interval_ns = int64_t{options_.sync_ms} * base::kNsPerMs;
  const bool changed = unsynced_ || ledger_->unsynced();
  if (!changed || interval_ns == 0 || now.ns - last_sync_.ns < interval_ns) return;
  last_sync_ = now;
  SyncLosses();
  if (unsynced_ && !Sync()) LeaveSegment();
}

void JournalWriter::Close(base::WallTime wall) {
  WriteBuffer();  // first, so that what this loses is announced too
  if (unsynced_ && options_.sync_ms > 0 && !Sync()) LeaveSegment();
  PutAnnouncements(wall);
  WriteBuffer();
  LeaveSegment();
  ledger_->Keep(losses_);
  if (options_.sync_ms > 0) SyncLosses();
}

// Before an announcement is written: whatever ends this process or the machine within, its frame's
// number tells whether it is there.
void JournalWriter::KeepAnnouncing() {
  const auto announces = [](const Pending& pending) { return pending.announced_losses > 0; };
  if (std::none_of(pending_.begin(), pending_.end(), announces)) return;
  ledger_->Keep(losses_);
  if (options_.sync_ms > 0) SyncLosses();
}

void JournalWriter::WriteBuffer() {
  if (pending_.empty()) return;
  KeepAnnouncing();
  if (!segment_ && !BeginSegment()) {
    SettleLost(0);
    return;
  }
  int error = 0;
  const size_t written = WriteAll(buffer_, error);
  const size_t stored = SettleStored(written);
  unsynced_ = unsynced_ || stored > 0;
  if (stored == pending_.size()) {
    buffer_.clear();
    pending_.clear();
    return LeaveTrouble();
  }
  EnterTrouble(std::strerror(error));
  CutTornTail();
  if (IsMediumFault(error)) LeaveSegment();
  SettleLost(stored);
}

// The bytes that the file took; fewer than asked with `error` set.
size_t JournalWriter::WriteAll(std::span<const uint8_t> bytes, int& error) {
  size_t written = 0;
  while (written < bytes.size()) {
    const ssize_t count =
        files_->Write(segment_.get(), bytes.data() + written, bytes.size() - written,
                      static_cast<off_t>(segment_offset_ + written));
    if (count < 0 && errno == EINTR) continue;
    if (count <= 0) {
      error = count < 0 ? errno : ENOSPC;
      break;
    }
    written += static_cast<size_t>(count);
  }
  counters_.bytes_written += written;
  return written;
}

// Counts the frames that lie whole within the bytes written, and returns how many.
size_t JournalWriter::SettleStored(size_t written_bytes) {
  size_t stored = 0;
  size_t bytes = 0;
  for (; stored < pending_.size(); ++stored) {
    const Pending& pending = pending_[stored];
    if (bytes + pending.frame_bytes > written_bytes) break;
    bytes += pending.frame_bytes;
    const bool own = pending.announced_losses > 0;
    const size_t index = Index(own ? LossClass::kHealth : pending.loss_class);
    if (own) {
      ++counters_.offered[index];
      counters_.announced[Index(pending.loss_class)] += pending.announced_losses;
      announcing_stored_[Index(pending.loss_class)] = true;
    }
    ++counters_.stored[index];
  }
  segment_offset_ += bytes;
  next_seq_ += stored;
  if (options_.sync_ms == 0) SettleSynced();
  return stored;
}

void JournalWriter::SettleLost(size_t first) {
  for (size_t i = first; i < pending_.size(); ++i) {
    const size_t index = Index(pending_[i].loss_class);
    if (pending_[i].announced_losses > 0) {  // nothing new is lost: it will be announced again
      losses_.announcing[index] = {};
      continue;
    }
    ++counters_.lost_to_fault[index];
    ++losses_.counted[index];
  }
  buffer_.clear();
  pending_.clear();
  ledger_->Keep(losses_);  // before another frame takes the number of one that is lost
}

// A failed write may have left part of a frame. Where it cannot be cut away the segment is left
// with it, and readers skip it.
void JournalWriter::CutTornTail() {
  if (files_->Truncate(segment_.get(), static_cast<off_t>(segment_offset_)) == 0) return;
  ++counters_.torn_tails;
  LeaveSegment();
}

bool JournalWriter::BeginSegment() {
  const std::filesystem::path path = options_.dir / SegmentFileName(next_seq_);
  // A file of this name holds no frame, or the number would be used up; a reader may have it open,
  // so it makes place for another one instead of changing.
  if (!segments_.empty() && segments_.back().first_seq == next_seq_) {
    closed_bytes_ -= segments_.back().bytes;
    segments_.pop_back();
  }
  if (::unlink(path.c_str()) != 0 && errno != ENOENT) {
    EnterTrouble(std::strerror(errno));
    return false;
  }
  base::UniqueFd fd(files_->Create(path.string()));
  if (!fd || !WriteSegmentHeader(fd.get())) {
    EnterTrouble(std::strerror(errno));
    if (fd) ::unlink(path.c_str());
    return false;
  }
  segment_ = std::move(fd);
  segment_offset_ = kSegmentHeaderBytes;
  segments_.push_back({next_seq_, kSegmentHeaderBytes});
  ++counters_.segments_created;
  if (options_.sync_ms > 0) SyncFolder();
  return true;
}

bool JournalWriter::WriteSegmentHeader(int fd) {
  const auto header = EncodeSegmentHeader(SegmentHeader{
      journal_id_, options_.boot_id, salt_, next_seq_, base::WallNow(), options_.sensor});
  const ssize_t count = files_->Write(fd, header.data(), header.size(), 0);
  if (count == static_cast<ssize_t>(header.size())) {
    counters_.bytes_written += header.size();
    return true;
  }
  if (count >= 0) errno = ENOSPC;
  return false;
}

// Closes the open segment, if any; the next write begins another.
void JournalWriter::LeaveSegment() {
  if (!segment_) return;
  if (unsynced_ && options_.sync_ms > 0) Sync();
  struct stat status {};
  const bool known = ::fstat(segment_.get(), &status) == 0;
  segments_.back().bytes = known ? static_cast<uint64_t>(status.st_size) : segment_offset_;
  closed_bytes_ += segments_.back().bytes;
  segment_.Reset();
  segment_offset_ = 0;
  salt_ = RandomNumber();
}

// Also where it fails: the reader has the frames, and they do not count as lost.
bool JournalWriter::Sync() {
  unsynced_ = false;
  SettleSynced();
  if (files_->Sync(segment_.get()) == 0) return true;
  ++counters_.sync_faults;
  EnterTrouble(fmt::format("not synced: {}", std::strerror(errno)));
  return false;
}

void JournalWriter::SyncLosses() {
  if (ledger_->Sync()) return;
  if (counters_.sync_faults++ == 0) {
    Log(fmt::format("losses are not synced: {}; they survive this process, not the machine",
                    std::strerror(errno)));
  }
}

// The announcements on disk are told.
void JournalWriter::SettleSynced() {
  for (size_t i = 0; i < kLossClasses; ++i) {
    if (!std::exchange(announcing_stored_[i], false)) continue;
    losses_.told[i] += losses_.announcing[i].count;
    losses_.announcing[i] = {};
  }
}

// So that the new file's name survives the machine too. A failure shows at the file's own sync.
void JournalWriter::SyncFolder() {
  const base::UniqueFd folder(::open(options_.dir.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (folder) ::fsync(folder.get());
}

void JournalWriter::DeleteAcknowledged() {
  LeaveIfDeleted();
  std::array<uint8_t, kAckFileBytes> slots{};
  const ssize_t got = ::pread(ack_.get(), slots.data(), slots.size(), 0);
  if (got <= 0) return;
  const auto ack = DecodeAcknowledgements(std::span(slots).first(static_cast<size_t>(got)));
  if (!ack || ack->journal_id != journal_id_) return;
  acknowledged_seq_ = std::max(acknowledged_seq_, ack->seq);
  if (failing_ && segment_ && acknowledged_seq_ + 1 == next_seq_) StartOver();
  // The last one stays: it carries the journal's number over a restart.
  while (segments_.size() > 1 && segments_[1].first_seq <= acknowledged_seq_ + 1) {
    const auto path = options_.dir / SegmentFileName(segments_.front().first_seq);
    if (::unlink(path.c_str()) != 0 && errno != ENOENT) break;
    closed_bytes_ -= segments_.front().bytes;
    segments_.pop_front();
    ++counters_.segments_deleted;
  }
  LeaveFullness();
}

// The disk is full, and all that is on it has been read: the open segment, which is kept otherwise,
// is then the only thing that can make room.
void JournalWriter::StartOver() {
  LeaveSegment();
  for (const SegmentFile& segment : segments_) {
    const auto path = options_.dir / SegmentFileName(segment.first_seq);
    if (::unlink(path.c_str()) == 0) ++counters_.segments_deleted;
  }
  segments_.clear();
  closed_bytes_ = 0;
  BeginSegment();
}

// Somebody has emptied the folder: what is written to the old files would be read by nobody.
void JournalWriter::LeaveIfDeleted() {
  struct stat status {};
  if (::fstat(ack_.get(), &status) == 0 && status.st_nlink == 0) OpenAck();
  if (ledger_->IsDeleted()) ReopenLosses();
  if (!segment_ || ::fstat(segment_.get(), &status) != 0 || status.st_nlink > 0) return;
  Log("its files were deleted by somebody; it goes on in a new segment");
  WriteBuffer();
  LeaveSegment();
  const auto left = ListSegments(options_.dir);
  segments_.clear();
  if (left) segments_.assign(left->begin(), left->end());
  closed_bytes_ = SumBytes(segments_);
}

void JournalWriter::EnterTrouble(const std::string& what) {
  ++counters_.write_faults;
  if (std::exchange(failing_, true)) return;
  lost_before_trouble_ = Sum(counters_.lost_to_fault);
  Log(fmt::format("cannot be written: {}; events are lost, and counted, until it can", what));
}

void JournalWriter::LeaveTrouble() {
  if (!std::exchange(failing_, false)) return;
  Log(fmt::format("is written again; {} events were lost meanwhile",
                  Sum(counters_.lost_to_fault) - lost_before_trouble_));
}

void JournalWriter::LeaveFullness() {
  const bool still = bytes_on_disk() > options_.max_bytes / 100 * kFullnessLeftAtPercent;
  if (!full_ || still) return;
  full_ = false;
  Log(fmt::format("has room again; {} events were given up since it was opened",
                  Sum(counters_.lost_to_quota)));
}

void JournalWriter::Log(const std::string& line) const {
  if (options_.log) options_.log(fmt::format("journal {}: {}", options_.dir.string(), line));
}

}  // namespace weir::events
