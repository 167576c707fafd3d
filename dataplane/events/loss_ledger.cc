#include "dataplane/events/loss_ledger.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <cstring>
#include <utility>

#include "dataplane/base/unique_fd.h"
#include "dataplane/events/byte_codec.h"

namespace weir::events {
namespace {

constexpr std::array<uint8_t, 8> kMagic = {'W', 'E', 'I', 'R', 'L', 'O', 'S', 'S'};
constexpr uint32_t kVersion = 1;
constexpr size_t kCrcOffset = 12;
constexpr mode_t kFileMode = 0640;

// All but the four bytes of the checksum itself.
uint32_t SlotCrc(std::span<const uint8_t> slot) {
  const auto crc = crc32(0, slot.data(), kCrcOffset);
  const auto rest = slot.subspan(kCrcOffset + sizeof(uint32_t));
  return static_cast<uint32_t>(crc32(crc, rest.data(), static_cast<uInt>(rest.size())));
}

// No sum above what it is a part of.
bool IsConsistent(const Losses& losses) {
  for (size_t i = 0; i < kLossClasses; ++i) {
    if (losses.told[i] > losses.counted[i]) return false;
    if (losses.announcing[i].count > losses.counted[i] - losses.told[i]) return false;
  }
  return true;
}

FoundLosses DecodeSlot(std::span<const uint8_t> slot) {
  FoundLosses found;
  ByteReader reader(slot);
  const auto magic = reader.TakeBytes(kMagic.size());
  const auto version = reader.Take<uint32_t>();
  const bool whole = reader.Take<uint32_t>() == SlotCrc(slot);
  if (!whole || !std::equal(magic.begin(), magic.end(), kMagic.begin())) return found;
  found.turn = reader.Take<uint64_t>();
  if (version != kVersion) {
    found.state = FoundLosses::State::kOtherVersion;
    return found;
  }
  found.losses.journal_id = reader.Take<uint64_t>();
  for (size_t i = 0; i < kLossClasses; ++i) {
    found.losses.counted[i] = reader.Take<uint64_t>();
    found.losses.told[i] = reader.Take<uint64_t>();
    found.losses.announcing[i].seq = reader.Take<uint64_t>();
    found.losses.announcing[i].count = reader.Take<uint64_t>();
  }
  if (IsConsistent(found.losses)) found.state = FoundLosses::State::kGood;
  return found;
}

base::Error FileError(const std::filesystem::path& path, std::string_view what) {
  return base::Error{fmt::format("{}: {}: {}", path.string(), what, std::strerror(errno))};
}

void SyncFolder(const std::filesystem::path& dir) {
  const base::UniqueFd folder(::open(dir.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (folder) ::fsync(folder.get());
}

// Complete under another name first, so that there is never a file of this name with less in it.
base::Status MakeFile(const std::filesystem::path& path, bool durable) {
  const std::filesystem::path unfinished = path.string() + ".new";
  std::array<uint8_t, kLossFileBytes> bytes{};
  const auto slot = EncodeLosses(Losses{}, 0);
  std::copy(slot.begin(), slot.end(), bytes.begin());
  const base::UniqueFd fd(
      ::open(unfinished.c_str(), O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, kFileMode));
  size_t written = 0;
  while (fd && written < bytes.size()) {
    const ssize_t count = ::pwrite(fd.get(), bytes.data() + written, bytes.size() - written,
                                   static_cast<off_t>(written));
    if (count < 0 && errno == EINTR) continue;
    if (count <= 0) break;
    written += static_cast<size_t>(count);
  }
  const bool made = fd && written == bytes.size() && (!durable || ::fsync(fd.get()) == 0) &&
                    ::rename(unfinished.c_str(), path.c_str()) == 0;
  if (!made) return FileError(path, "cannot be made");
  if (durable) SyncFolder(path.parent_path());
  return {};
}

// The bytes of an open file; fewer than kLossFileBytes when it is shorter.
base::Result<size_t> ReadFile(int fd, std::span<uint8_t, kLossFileBytes> bytes,
                              const std::filesystem::path& path) {
  size_t size = 0;
  while (size < bytes.size()) {
    const ssize_t got =
        ::pread(fd, bytes.data() + size, bytes.size() - size, static_cast<off_t>(size));
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return FileError(path, "cannot be read");
    if (got == 0) break;
    size += static_cast<size_t>(got);
  }
  return size;
}

base::Result<base::UniqueFd> OpenOrMake(const std::filesystem::path& path, bool durable) {
  base::UniqueFd fd(::open(path.c_str(), O_RDWR | O_CLOEXEC));
  if (!fd && errno == ENOENT) {
    if (auto made = MakeFile(path, durable); !made.ok()) return made.error();
    fd.Reset(::open(path.c_str(), O_RDWR | O_CLOEXEC));
  }
  if (!fd) return FileError(path, "cannot be opened");
  return fd;
}

}  // namespace

uint64_t Losses::Untold() const {
  uint64_t sum = 0;
  for (size_t i = 0; i < kLossClasses; ++i) sum += Untold(i);
  return sum;
}

void Losses::SettleAnnouncements(uint64_t next_seq) {
  for (size_t i = 0; i < kLossClasses; ++i) {
    if (announcing[i].seq < next_seq) told[i] += announcing[i].count;
    announcing[i] = {};
  }
}

std::array<uint8_t, kLossSlotBytes> EncodeLosses(const Losses& losses, uint64_t turn) {
  std::array<uint8_t, kLossSlotBytes> bytes{};
  ByteWriter writer(bytes);
  writer.PutBytes(kMagic);
  writer.Put(kVersion);
  writer.Put(uint32_t{0});
  writer.Put(turn);
  writer.Put(losses.journal_id);
  for (size_t i = 0; i < kLossClasses; ++i) {
    writer.Put(losses.counted[i]);
    writer.Put(losses.told[i]);
    writer.Put(losses.announcing[i].seq);
    writer.Put(losses.announcing[i].count);
  }
  const uint32_t crc = SlotCrc(bytes);
  std::memcpy(bytes.data() + kCrcOffset, &crc, sizeof crc);
  return bytes;
}

FoundLosses DecodeLosses(std::span<const uint8_t> file) {
  FoundLosses newest;
  bool torn = false;
  for (size_t slot = 0; (slot + 1) * kLossSlotBytes <= file.size(); ++slot) {
    const auto bytes = file.subspan(slot * kLossSlotBytes, kLossSlotBytes);
    const FoundLosses found = DecodeSlot(bytes);
    if (found.state == FoundLosses::State::kDamaged) {
      // The second slot is zeros until its first turn.
      torn = torn || std::any_of(bytes.begin(), bytes.end(), [](uint8_t b) { return b != 0; });
    } else if (newest.state == FoundLosses::State::kDamaged || found.turn > newest.turn) {
      newest = found;
    }
  }
  newest.torn = torn;
  return newest;
}

base::Result<std::unique_ptr<LossLedger>> LossLedger::Open(const std::filesystem::path& dir,
                                                           JournalFiles& files, bool durable) {
  const std::filesystem::path path = dir / kLossFileName;
  auto fd = OpenOrMake(path, durable);
  if (!fd) return fd.error();
  std::array<uint8_t, kLossFileBytes> bytes{};
  auto size = ReadFile(fd->get(), bytes, path);
  if (!size) return size.error();
  FoundLosses found = DecodeLosses(std::span(bytes).first(*size));
  if (found.state == FoundLosses::State::kOtherVersion) {
    return base::Error{fmt::format("{}: written by another version of Weir", path.string())};
  }
  const bool damaged = found.state == FoundLosses::State::kDamaged || *size < kLossFileBytes;
  if (damaged) {
    found = {};
    if (::rename(path.c_str(), (path.string() + ".damaged").c_str()) != 0) {
      return FileError(path, "damaged, and cannot be renamed");
    }
    fd = OpenOrMake(path, durable);
    if (!fd) return fd.error();
  }
  struct stat status {};
  if (::fstat(fd->get(), &status) != 0) return FileError(path, "cannot be read");
  void* const memory =
      ::mmap(nullptr, kLossFileBytes, PROT_READ | PROT_WRITE, MAP_SHARED, fd->get(), 0);
  if (memory == MAP_FAILED) return FileError(path, "cannot be mapped");
  std::unique_ptr<LossLedger> ledger(
      new LossLedger(files, static_cast<uint8_t*>(memory), status.st_dev, status.st_ino, path));
  ledger->damaged_ = damaged;
  ledger->torn_ = found.torn;
  ledger->losses_ = found.losses;
  ledger->turn_ = found.turn;
  return ledger;
}

LossLedger::LossLedger(JournalFiles& files, uint8_t* memory, dev_t device, ino_t inode,
                       std::filesystem::path path)
    : files_(files), memory_(memory), device_(device), inode_(inode), path_(std::move(path)) {}

LossLedger::~LossLedger() { ::munmap(memory_, kLossFileBytes); }

void LossLedger::Keep(const Losses& losses) {
  if (losses == losses_) return;
  losses_ = losses;
  ++turn_;
  const auto slot = EncodeLosses(losses, turn_);
  std::memcpy(memory_ + turn_ % 2 * kLossSlotBytes, slot.data(), slot.size());
  // A kill finds what the program has stored so far, in its order: nothing later comes before.
  std::atomic_signal_fence(std::memory_order_seq_cst);
  unsynced_ = true;
}

bool LossLedger::Sync() {
  if (!unsynced_) return true;
  if (files_.SyncMapping(memory_, kLossFileBytes) != 0) return false;
  unsynced_ = false;
  return true;
}

bool LossLedger::IsDeleted() const {
  struct stat status {};
  const bool there = ::stat(path_.c_str(), &status) == 0;
  return there ? status.st_dev != device_ || status.st_ino != inode_ : errno == ENOENT;
}

}  // namespace weir::events
