#include "control/audit/rocks_db.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <rocksdb/cache.h>
#include <rocksdb/filter_policy.h>
#include <rocksdb/listener.h>
#include <rocksdb/slice_transform.h>
#include <rocksdb/sst_file_writer.h>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>

#include "control/audit/rocks_log.h"
#include "dataplane/base/time.h"
#include "dataplane/base/unique_fd.h"

namespace weir::control::audit {
namespace {

constexpr std::string_view kSessionsPrefix = "sessions-";
constexpr std::string_view kIndexPrefix = "index-";
constexpr int kPackedLevel = 6;  // of Zstandard; above it gains a percent and takes a third longer
const std::string kOpenSessions = "open_sessions";
const std::string kFindings = "findings";
const std::string kHealth = "health";
const std::string kLogins = "logins";
const std::string kLate = "late";
const std::string kIndexTail = "index_tail";
const std::string kOutbox = "outbox";

// RocksDB keeps that many files open; the rest of the process needs descriptors as well.
int OpenFilesMax() {
  constexpr rlim_t kAtMost = 4096;
  rlimit limit{};
  if (getrlimit(RLIMIT_NOFILE, &limit) != 0) return 256;
  return static_cast<int>(std::min(limit.rlim_cur / 2, kAtMost));
}

// Once something has failed, RocksDB is not to go on by itself: with a disk that is full it does so
// on a thread of its own, where 7.8 runs into assertions, and nobody would know what of the failed
// write counts. The next write fails instead, and RocksStore::Recover() opens the database anew.
class NoResumption : public rocksdb::EventListener {
 public:
  void OnErrorRecoveryBegin(rocksdb::BackgroundErrorReason, rocksdb::Status,
                            bool* resumes) override {
    *resumes = false;
  }
};

rocksdb::Options DatabaseOptions(uint64_t memtable_bytes) {
  rocksdb::Options options;
  options.create_if_missing = true;
  options.max_background_jobs = 3;  // one of them may be packing a day for minutes
  options.max_open_files = OpenFilesMax();
  // An old day's few late writes do not keep every log file since.
  options.max_total_wal_size = memtable_bytes * 8;
  options.bytes_per_sync = 1ULL << 20;
  options.max_bgerror_resume_count = 0;
  options.listeners.push_back(std::make_shared<NoResumption>());
  return options;
}

}  // namespace

base::Error StoreError(const std::filesystem::path& dir, std::string_view doing,
                       const rocksdb::Status& status) {
  return base::Error{
      fmt::format("session store {}: {}: {}", dir.string(), doing, status.ToString())};
}

RocksDb::Family::~Family() {
  // Fails only for a handle that is not this database's.
  static_cast<void>(db_->DestroyColumnFamilyHandle(handle_));
}

RocksDb::RocksDb(Options options)
    : options_(std::move(options)),
      db_options_(DatabaseOptions(options_.memtable_bytes)),
      cache_(rocksdb::NewLRUCache(options_.cache_bytes)) {}

RocksDb::~RocksDb() { Close(); }

base::Error RocksDb::Failure(std::string_view doing, const rocksdb::Status& status) const {
  return StoreError(options_.dir, doing, status);
}

// A day that ended before yesterday grows no more.
RocksDb::Phase RocksDb::PhaseOf(const std::string& name) const {
  for (const auto prefix : {kSessionsPrefix, kIndexPrefix}) {
    if (!name.starts_with(prefix)) continue;
    const auto day = ParseDayName(std::string_view(name).substr(prefix.size()));
    if (day && *day + 1 >= DayOf(base::WallNow())) return Phase::kGrowing;
  }
  return Phase::kPacked;
}

rocksdb::ColumnFamilyOptions RocksDb::FamilyOptions(std::string_view name, Phase phase) const {
  rocksdb::BlockBasedTableOptions table;
  table.block_cache = cache_;
  table.block_size = 32 << 10;
  table.format_version = 5;
  // A year of indexes and filters does not fit into memory: they live in the cache, in pieces.
  table.cache_index_and_filter_blocks = true;
  table.cache_index_and_filter_blocks_with_high_priority = true;
  table.pin_l0_filter_and_index_blocks_in_cache = true;
  table.index_type = rocksdb::BlockBasedTableOptions::kTwoLevelIndexSearch;
  if (name.starts_with(kSessionsPrefix)) {
    // Each new session is looked for before it is written, and is not there.
    table.filter_policy.reset(rocksdb::NewBloomFilterPolicy(10));
    table.partition_filters = true;
  }
  if (name.starts_with(kIndexPrefix)) table.block_restart_interval = 32;  // small keys, much alike

  rocksdb::ColumnFamilyOptions family;
  family.table_factory.reset(rocksdb::NewBlockBasedTableFactory(table));
  family.write_buffer_size = options_.memtable_bytes;
  family.max_write_buffer_number = 4;
  family.level_compaction_dynamic_level_bytes = true;
  family.compression = rocksdb::kLZ4Compression;
  if (phase == Phase::kPacked) {
    family.bottommost_compression = rocksdb::kZSTD;
    family.bottommost_compression_opts.enabled = true;
    family.bottommost_compression_opts.level = kPackedLevel;
  }
  // Batches come in order: a key's place is found from that of the one before. By their first
  // byte, which is the hour for records. Not for families in which ranges are deleted: RocksDB 7.8
  // takes the tombstones for keys then.
  family.memtable_insert_with_hint_prefix_extractor.reset(rocksdb::NewFixedPrefixTransform(1));
  if (name.starts_with(kSessionsPrefix)) {
    family.memtable_whole_key_filtering = true;
    family.memtable_prefix_bloom_size_ratio = 0.05;
  }
  return family;
}

base::Result<std::vector<std::string>> RocksDb::ListFamilies() {
  std::error_code failure;
  std::filesystem::create_directories(options_.dir, failure);
  if (failure) {
    return base::Error{fmt::format("session store {}: cannot make it: {}", options_.dir.string(),
                                   failure.message())};
  }
  db_options_.info_log = MakeRocksLog(options_.dir);
  std::vector<std::string> names;
  if (!std::filesystem::exists(options_.dir / "CURRENT")) {
    names.push_back(rocksdb::kDefaultColumnFamilyName);
    return names;
  }
  const auto status = rocksdb::DB::ListColumnFamilies(db_options_, options_.dir.string(), &names);
  if (!status.ok()) return Failure("cannot open", status);
  return names;
}

base::Status RocksDb::Open() {
  const auto names = ListFamilies();
  if (!names.ok()) return names.error();
  std::vector<rocksdb::ColumnFamilyDescriptor> descriptors;
  for (const auto& name : *names)
    descriptors.emplace_back(name, FamilyOptions(name, PhaseOf(name)));

  rocksdb::DB* db = nullptr;
  std::vector<rocksdb::ColumnFamilyHandle*> handles;
  const auto status =
      rocksdb::DB::Open(db_options_, options_.dir.string(), descriptors, &handles, &db);
  if (!status.ok()) return Failure("cannot open", status);
  db_.reset(db);
  std::vector<std::unique_ptr<Family>> families;
  for (auto* handle : handles) families.push_back(std::make_unique<Family>(db, handle));
  for (size_t i = 0; i < families.size(); i++) {
    auto adopted = Adopt((*names)[i], std::move(families[i]));
    if (!adopted.ok()) return adopted;
  }
  if (auto made = MakeMissingFamilies(); !made.ok()) return made;
  return CompletePairs();
}

base::Status RocksDb::Adopt(const std::string& name, std::unique_ptr<Family> family) {
  const auto slot = [&]() -> std::unique_ptr<Family>* {
    if (name == rocksdb::kDefaultColumnFamilyName) return &meta_;
    if (name == kOpenSessions) return &open_sessions_;
    if (name == kFindings) return &findings_;
    if (name == kHealth) return &health_;
    if (name == kLogins) return &logins_;
    if (name == kLate) return &late_;
    if (name == kIndexTail) return &index_tail_;
    if (name == kOutbox) return &outbox_;
    const std::string_view text(name);
    const bool sessions = text.starts_with(kSessionsPrefix);
    if (!sessions && !text.starts_with(kIndexPrefix)) return nullptr;
    const auto number =
        ParseDayName(text.substr(sessions ? kSessionsPrefix.size() : kIndexPrefix.size()));
    if (!number) return nullptr;
    const std::lock_guard lock(days_mutex_);
    auto& day = days_[*number];
    if (!day) day = std::make_shared<Day>();
    day->number = *number;
    return sessions ? &day->sessions : &day->index;
  }();
  if (slot == nullptr) {
    return base::Error{
        fmt::format("session store {}: it holds '{}', which this version does not know",
                    options_.dir.string(), name)};
  }
  *slot = std::move(family);
  return {};
}

base::Status RocksDb::MakeMissingFamilies() {
  for (const auto& [name, slot] : {std::pair{&kOpenSessions, &open_sessions_},
                                   {&kFindings, &findings_},
                                   {&kHealth, &health_},
                                   {&kLogins, &logins_},
                                   {&kLate, &late_},
                                   {&kIndexTail, &index_tail_},
                                   {&kOutbox, &outbox_}}) {
    if (*slot || (slot == &outbox_ && !options_.outbox)) continue;
    auto made = MakeFamily(*name);
    if (!made.ok()) return made.error();
    *slot = std::move(made).value();
  }
  return {};
}

base::Result<std::unique_ptr<RocksDb::Family>> RocksDb::MakeFamily(const std::string& name) {
  // A day that is made grows, whichever it is.
  const bool of_day = name.starts_with(kSessionsPrefix) || name.starts_with(kIndexPrefix);
  const Phase phase = of_day ? Phase::kGrowing : Phase::kPacked;
  rocksdb::ColumnFamilyHandle* handle = nullptr;
  const auto status = db_->CreateColumnFamily(FamilyOptions(name, phase), name, &handle);
  if (!status.ok()) return Failure("cannot make " + name, status);
  return std::make_unique<Family>(db_.get(), handle);
}

// A day whose making or dropping was cut short has an index only: sessions are made last and
// dropped first. Sessions without an index can only be empty, and get one.
base::Status RocksDb::CompletePairs() {
  const std::lock_guard lock(days_mutex_);
  for (auto day = days_.begin(); day != days_.end();) {
    if (day->second->sessions && day->second->index) {
      ++day;
      continue;
    }
    if (day->second->sessions) {
      if (auto made = MakeIndexOfEmpty(*day->second); !made.ok()) return made;
      continue;
    }
    const auto status = db_->DropColumnFamily(day->second->index->handle());
    if (!status.ok()) return Failure("cannot drop " + DayName(day->first), status);
    day = days_.erase(day);
  }
  return {};
}

base::Status RocksDb::MakeIndexOfEmpty(Day& day) {
  const std::unique_ptr<rocksdb::Iterator> at(db_->NewIterator({}, day.sessions->handle()));
  at->SeekToFirst();
  if (!at->status().ok()) return Failure("cannot read " + DayName(day.number), at->status());
  if (at->Valid()) {
    return base::Error{fmt::format("session store {}: the index of {} is missing",
                                   options_.dir.string(), DayName(day.number))};
  }
  auto index = MakeFamily(std::string(kIndexPrefix) + DayName(day.number));
  if (!index.ok()) return index.error();
  day.index = std::move(index).value();
  return {};
}

void RocksDb::Close() {
  {
    const std::lock_guard lock(days_mutex_);
    days_.clear();
  }
  lone_indexes_.clear();
  for (auto* family :
       {&meta_, &open_sessions_, &findings_, &health_, &logins_, &late_, &index_tail_, &outbox_}) {
    family->reset();
  }
  db_.reset();
}

RocksDb::DayPointer RocksDb::FindDay(DayNumber number) const {
  const std::lock_guard lock(days_mutex_);
  const auto found = days_.find(number);
  return found == days_.end() ? nullptr : found->second;
}

std::vector<RocksDb::DayPointer> RocksDb::Days() const {
  const std::lock_guard lock(days_mutex_);
  std::vector<DayPointer> days;
  for (const auto& [number, day] : days_) days.push_back(day);
  return days;
}

base::Result<RocksDb::DayPointer> RocksDb::MakeDay(DayNumber number) {
  if (auto found = FindDay(number)) return found;
  auto day = std::make_shared<Day>();
  day->number = number;
  // The half that is made waits for the next attempt. Dropped now it might be gone alone: making
  // the other one may fail here and be found on the disk at the next opening.
  auto& index = lone_indexes_[number];
  if (!index) {
    auto made = MakeFamily(std::string(kIndexPrefix) + DayName(number));
    if (!made.ok()) return made.error();
    index = std::move(made).value();
  }
  auto sessions = MakeFamily(std::string(kSessionsPrefix) + DayName(number));
  if (!sessions.ok()) return sessions.error();
  day->index = std::move(index);
  lone_indexes_.erase(number);
  day->sessions = std::move(sessions).value();
  const std::lock_guard lock(days_mutex_);
  days_[number] = day;
  return DayPointer(day);
}

base::Status RocksDb::DropDay(DayNumber number) {
  const auto day = FindDay(number);
  if (!day) return {};
  auto status = db_->DropColumnFamily(day->sessions->handle());
  if (!status.ok()) return Failure("cannot drop " + DayName(number), status);
  {
    const std::lock_guard lock(days_mutex_);
    days_.erase(number);
  }
  // An index left alone by a failure here is dropped at the next opening.
  status = db_->DropColumnFamily(day->index->handle());
  if (!status.ok()) return Failure("cannot drop the index of " + DayName(number), status);
  return {};
}

base::Status RocksDb::PackDay(const Day& day, std::atomic<bool>& canceled) {
  rocksdb::CompactRangeOptions how;
  how.exclusive_manual_compaction = false;
  how.bottommost_level_compaction = rocksdb::BottommostLevelCompaction::kForceOptimized;
  how.canceled = &canceled;
  for (const auto* family : {&day.sessions, &day.index}) {
    auto* const handle = (*family)->handle();
    auto status = db_->SetOptions(
        handle,
        {{"bottommost_compression", "kZSTD"},
         {"bottommost_compression_opts", fmt::format("{{enabled=true;level={};}}", kPackedLevel)}});
    if (status.ok()) status = db_->CompactRange(how, handle, nullptr, nullptr);
    if (!status.ok()) return Failure("cannot pack " + DayName(day.number), status);
  }
  return {};
}

base::Status RocksDb::AddToIndex(const Day& day, const EntryRun& entries) {
  if (entries.empty()) return {};
  const std::string path = options_.dir / "index_tail.sst";
  // Not written over: after a crash it may be another name of a file that is in use.
  std::error_code failure;
  std::filesystem::remove(path, failure);
  const rocksdb::Options options(db_options_, FamilyOptions(kIndexPrefix, Phase::kGrowing));
  rocksdb::SstFileWriter file(rocksdb::EnvOptions(), options, day.index->handle());
  auto status = file.Open(path);
  for (size_t i = 0; i < entries.size() && status.ok(); i++) {
    status = file.Put(rocksdb::Slice(entries[i].data(), entries[i].size()), {});
  }
  if (status.ok()) status = file.Finish();
  rocksdb::IngestExternalFileOptions how;
  how.move_files = true;
  how.write_global_seqno = false;
  if (status.ok()) status = db_->IngestExternalFile(day.index->handle(), {path}, how);
  if (status.ok()) return {};
  return Failure("cannot add to the index of " + DayName(day.number), status);
}

base::Status RocksDb::TryDisk() const {
  constexpr size_t kProbeBytes = 64 << 10;
  constexpr mode_t kOwnerOnly = 0600;
  const std::filesystem::path path = options_.dir / "probe";
  const std::vector<char> bytes(kProbeBytes, 'w');
  const base::UniqueFd file(
      ::open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, kOwnerOnly));
  errno = file ? ENOSPC : errno;  // should the write be short
  const bool written =
      file && ::write(file.get(), bytes.data(), bytes.size()) == static_cast<ssize_t>(bytes.size());
  const bool taken = written && ::fsync(file.get()) == 0;
  const int error = errno;
  ::unlink(path.c_str());
  if (taken) return {};
  return base::Error{fmt::format("session store {}: the disk takes nothing: {}",
                                 options_.dir.string(), std::strerror(error))};
}

RocksDb::DiskBytes RocksDb::BytesOnDisk() const {
  DiskBytes bytes;
  std::error_code failure;
  for (const auto& entry : std::filesystem::directory_iterator(options_.dir, failure)) {
    const auto size = entry.file_size(failure);
    if (failure) continue;  // a file may go while its neighbours are counted
    bytes.all += size;
    if (entry.path().extension() == ".sst") bytes.tables += size;
  }
  return bytes;
}

uint64_t RocksDb::TableBytes(const Day& day) const {
  uint64_t bytes = 0;
  for (const auto* family : {&day.sessions, &day.index}) {
    uint64_t of_family = 0;
    const bool told = db_->GetIntProperty((*family)->handle(),
                                          rocksdb::DB::Properties::kLiveSstFilesSize, &of_family);
    if (told) bytes += of_family;
  }
  return bytes;
}

}  // namespace weir::control::audit
