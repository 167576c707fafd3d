#include "control/clickhouse/tiered_store.h"

#include <fmt/format.h>

#include <algorithm>
#include <limits>
#include <map>
#include <random>
#include <utility>

#include "control/audit/bytes.h"
#include "control/audit/retention.h"
#include "dataplane/base/secret_file.h"

namespace weir::control::clickhouse {
namespace {

constexpr std::string_view kStoreIdKey = "archive/store";
constexpr int64_t kLateRecordsWaitMs = 10'000;
constexpr size_t kPasswordBytesMax = 1024;

// What came late is here still, and may be longer than all that the book has seen of the day.
ArchivedDay WithLateOnes(ArchivedDay known, const audit::StoreState& here, audit::DayNumber day) {
  const auto late = here.days.find(day);
  if (late != here.days.end())
    known.longest_ns = std::max(known.longest_ns, late->second.longest_ns);
  return known;
}

}  // namespace

base::Result<std::string> LoadPassword(const std::filesystem::path& file) {
  auto lines = base::ReadSecretLines(file, 1, kPasswordBytesMax, "a password");
  if (!lines.ok()) return lines.error();
  return std::move(lines->front());
}

base::Result<uint64_t> LeaveArchive(audit::RocksStore& local) {
  if (auto forgotten = ForgetBackfill(local.spool()); !forgotten.ok()) return forgotten.error();
  ArchiveBook book;
  if (auto loaded = book.Load(local.spool()); !loaded.ok()) return loaded.error();
  return book.days().size();
}

TieredStore::TieredStore(Options options) : options_(std::move(options)) {}

TieredStore::~TieredStore() {
  stop_ = true;
  if (keeper_) keeper_->Stop();
  if (shipper_) shipper_->Stop();
}

base::Result<std::unique_ptr<TieredStore>> TieredStore::Open(Options options) {
  if (options.local_days < 1) {
    return base::Error{"local_days = 0: at least 1, for sessions of yesterday still change"};
  }
  options.local.outbox = true;
  std::unique_ptr<TieredStore> store(new TieredStore(std::move(options)));
  if (auto begun = store->Begin(); !begun.ok()) return begun.error();
  return store;
}

base::Status TieredStore::Begin() {
  auto local = audit::RocksStore::Open(options_.local);
  if (!local.ok()) return local.error();
  local_ = std::move(*local);
  if (auto loaded = book_.Load(local_->spool()); !loaded.ok()) return loaded;
  const auto store_id = StoreId();
  if (!store_id.ok()) return store_id.error();

  Shipper::Options shipping;
  shipping.endpoint = options_.archive;
  shipping.store_id = *store_id;
  shipping.batch_entries_max = options_.ship_entries_max;
  shipping.every_ms = options_.ship_every_ms;
  shipping.spool_bytes_max = options_.spool_bytes_max;
  shipping.log = options_.log;
  shipper_ = std::make_unique<Shipper>(std::move(shipping), local_->spool(), book_);
  if (auto loaded = shipper_->Load(); !loaded.ok()) return loaded;
  HttpConnection server(options_.archive, stop_);
  const SchemaCheck check = shipper_->CheckSchema(server);
  if (check.outcome == SchemaOutcome::kRefused) return base::Error{check.error};

  Keeper::Options keeping;
  keeping.endpoint = options_.archive;
  keeping.local_days = options_.local_days;
  keeping.open_days = options_.open_days;
  keeping.restored = options_.local.restored;
  keeping.log = options_.log;
  keeper_ = std::make_unique<Keeper>(std::move(keeping), *local_, book_, *shipper_);
  shipper_->Start();
  keeper_->Start();
  return {};
}

// A number of this store's own, by which it knows its database again.
base::Result<uint64_t> TieredStore::StoreId() {
  const auto meta = local_->spool().Meta(kStoreIdKey);
  if (!meta.ok()) return meta.error();
  if (!meta->empty()) {
    base::Cursor in(audit::AsBytes(meta->begin()->second));
    const uint64_t id = in.U64();
    if (in.ok()) return id;
  }
  std::random_device random;
  const uint64_t id = static_cast<uint64_t>(random()) << 32 | random();
  std::string bytes;
  audit::PutBe(bytes, id);
  if (auto put = local_->spool().PutMeta(kStoreIdKey, bytes); !put.ok()) return put.error();
  return id;
}

base::Status TieredStore::Commit(const audit::Batch& batch) { return local_->Commit(batch); }
base::Result<std::string> TieredStore::Position() { return local_->Position(); }
base::Status TieredStore::CloseLost(uint64_t boot_id) { return local_->CloseLost(boot_id); }
base::Result<std::optional<uint64_t>> TieredStore::BootId() { return local_->BootId(); }
base::Status TieredStore::Recover() { return local_->Recover(); }

base::Result<std::string> TieredStore::LoginPosition() { return local_->LoginPosition(); }

base::Result<audit::RetentionPlan> TieredStore::PlanRetention(
    const audit::RetentionLimits& limits) {
  auto plan = local_->PlanRetention(limits);
  if (!plan.ok()) return plan;
  // Days of this machine first, then the book: one that moves meanwhile is not missed. Of a day in
  // both the longest session of either counts.
  std::map<audit::DayNumber, int64_t> longest_ns;
  if (plan->day) longest_ns[*plan->day] = 0;
  for (const auto& [day, state] : local_->spool().state().days) {
    longest_ns[day] = state.longest_ns;
  }
  for (const auto& [day, known] : book_.days()) {
    longest_ns[day] = std::max(longest_ns[day], known.longest_ns);
  }
  plan->day = audit::FirstDayToGo(longest_ns, limits);
  return plan;
}

base::Result<audit::RetentionResult> TieredStore::EnforceRetention(
    const audit::RetentionPlan& plan) {
  auto result = local_->EnforceRetention(plan);
  if (!result.ok()) return result;
  if (plan.day) {
    const auto days = book_.days();
    const auto archived = days.find(*plan.day);
    const uint64_t records = archived == days.end() ? 0 : archived->second.records;
    if (auto doomed = book_.Doom(local_->spool(), *plan.day, records); !doomed.ok()) {
      return doomed.error();
    }
    result->records_dropped += records;
    if (result->days_dropped.empty()) result->days_dropped.push_back(audit::DayName(*plan.day));
  }
  if (auto noted = book_.DropUpto(local_->spool(), plan); !noted.ok()) return noted.error();
  keeper_->Wake(base::WallNow());
  return result;
}

base::Result<audit::SealState> TieredStore::Sealed() { return local_->Sealed(); }
base::Status TieredStore::MarkSealed(base::WallTime until) { return local_->MarkSealed(until); }
base::Result<std::vector<audit::LateHour>> TieredStore::LateHours() { return local_->LateHours(); }
base::Result<audit::LateCount> TieredStore::CountLate(const audit::TimeSpan& span) {
  return local_->CountLate(span);
}
base::Status TieredStore::NoteSeal(const audit::SealHead& head,
                                   std::optional<audit::TimeSpan> amended) {
  return local_->NoteSeal(head, amended);
}
base::Status TieredStore::Amend(const audit::TimeSpan& span,
                                const std::function<base::Result<audit::SealHead>()>& write) {
  return local_->Amend(span, write);
}

base::Status TieredStore::SessionsAsSealed(base::WallTime from, base::WallTime to,
                                           const audit::SessionVisitor& visit) {
  audit::Query query;
  query.from = from;
  query.to = to;
  query.by_start = true;
  return local_->AsSealedOver(
      {from, to}, [this](audit::DayNumber day) { return book_.Has(day); },
      [&](const audit::SessionVisitor& offer) -> base::Status {
        const auto read = Sessions(query, offer);
        return read.ok() ? base::Status() : base::Status(read.error());
      },
      visit);
}

// Days that the book has are the archive's, whatever is left of them here. The book is read last:
// see Keeper::MoveDay().
std::vector<TieredStore::Step> TieredStore::Plan(bool newest_first) const {
  std::map<audit::DayNumber, std::optional<ArchivedDay>> days;
  const audit::StoreState here = local_->spool().state();
  for (const auto& [day, state] : here.days) days[day] = std::nullopt;
  for (const auto& [day, known] : book_.days()) days[day] = WithLateOnes(known, here, day);
  std::vector<Step> steps;
  for (const auto& [day, known] : days) {
    const bool archived = known.has_value();
    if (steps.empty() || steps.back().archived != archived) steps.push_back({archived, {}});
    steps.back().days.emplace_back(day, known.value_or(ArchivedDay()));
  }
  if (newest_first) std::reverse(steps.begin(), steps.end());
  return steps;
}

base::Result<audit::QueryResult> TieredStore::Sessions(const audit::Query& query,
                                                       const audit::SessionVisitor& visit) {
  if (auto checked = audit::CheckQuery(query); !checked.ok()) return checked.error();
  audit::QueryResult total;
  if (query.limit == 0) return total;
  audit::Query rest = query;
  const auto add = [&](const audit::QueryResult& part) {
    total.visited += part.visited;
    total.examined += part.examined;
    total.next_cursor = part.next_cursor;
    if (query.limit != audit::kNoLimit) rest.limit = query.limit - total.visited;
    return part.next_cursor.empty();
  };
  for (const Step& step : Plan(query.newest_first)) {
    if (step.archived) {
      const auto read = ReadArchive(step, rest, visit);
      if (!read.ok()) return read.error();
      if (!add(*read)) return total;
      continue;
    }
    for (size_t i = 0; i < step.days.size(); i++) {
      const size_t place = query.newest_first ? step.days.size() - 1 - i : i;
      const auto read = ReadLocal(step.days[place].first, rest, visit);
      if (!read.ok()) return read.error();
      if (!add(*read)) return total;
    }
  }
  return total;
}

base::Result<audit::QueryResult> TieredStore::ReadLocal(audit::DayNumber day,
                                                        const audit::Query& query,
                                                        const audit::SessionVisitor& visit) {
  auto read = local_->SessionsOfDay(day, query, visit);
  if (!read.ok() || read->visited > 0) return read;
  // Nothing there, or nothing any more: the day may have gone since the plan was made. Once it is
  // being read it cannot go.
  const auto days = book_.days();
  const auto known = days.find(day);
  if (known == days.end()) return read;
  const ArchivedDay moved = WithLateOnes(known->second, local_->spool().state(), day);
  return ReadArchive({true, {{day, moved}}}, query, visit);
}

base::Result<audit::QueryResult> TieredStore::ReadArchive(const Step& step,
                                                          const audit::Query& query,
                                                          const audit::SessionVisitor& visit) {
  auto spans = SpansOf(step.days, query);
  if (!spans.ok()) return spans.error();
  if (spans->empty()) return audit::QueryResult();
  if (auto settled = Settle(*spans); !settled.ok()) {
    return OutOfReach(query.by_start, settled.error());
  }
  HttpConnection server(options_.archive, stop_);
  const SchemaCheck check = shipper_->CheckSchema(server);
  if (check.outcome != SchemaOutcome::kReady)
    return OutOfReach(query.by_start, base::Error{check.error});
  for (DaySpan& span : *spans) span.single = span.single && check.plain;
  ArchiveReader reader(server, query, visit);
  auto read = reader.Read(*spans);
  if (!read.ok()) return OutOfReach(query.by_start, read.error());
  return read;
}

// Late records of archived days are in the outbox for a moment: the answer waits for them.
base::Status TieredStore::Settle(std::vector<DaySpan>& spans) {
  for (DaySpan& span : spans) {
    if (!local_->spool().HasFamilies(span.day)) continue;
    span.single = false;
    if (!local_->spool().Waits(span.day)) continue;
    if (shipper_->WaitUntilShipped(span.day, kLateRecordsWaitMs)) continue;
    const std::string trouble = shipper_->status().trouble;
    if (!trouble.empty()) return base::Error{trouble};
    return base::Error{"late records of " + audit::DayName(span.day) + " are still on their way"};
  }
  return {};
}

// Names a time from which on the same question needs no archived day: none of their sessions has a
// moment behind it, or for one that asks for beginnings, none begins.
base::Error TieredStore::OutOfReach(bool by_start, const base::Error& cause) const {
  const auto days = book_.days();
  if (days.empty()) return cause;
  const audit::StoreState here = local_->spool().state();
  base::WallTime alone_from;
  for (const auto& [day, known] : days) {
    const int64_t end_ns = audit::DayStart(day + 1).ns;
    const int64_t longest_ns = by_start ? 0 : WithLateOnes(known, here, day).longest_ns;
    const int64_t most_ns = std::numeric_limits<int64_t>::max() - base::kNsPerSecond - end_ns;
    alone_from = std::max(alone_from, {end_ns + std::min(longest_ns, most_ns)});
  }
  const int64_t seconds = (alone_from.ns + base::kNsPerSecond - 1) / base::kNsPerSecond;
  std::string from = base::FormatRfc3339({seconds * base::kNsPerSecond});
  from.erase(from.find('.'), from.find('Z') - from.find('.'));
  return base::Error{fmt::format(
      "sessions that began on {} or before (UTC) are in the archive only, and it cannot be asked; "
      "this machine can answer from {} on. {}",
      audit::DayName(days.rbegin()->first), from, cause.message)};
}

base::Status TieredStore::Findings(uint64_t after, const audit::FindingVisitor& visit) {
  return local_->Findings(after, visit);
}
base::Status TieredStore::Health(uint64_t after, const audit::HealthVisitor& visit) {
  return local_->Health(after, visit);
}
base::Status TieredStore::Logins(uint64_t after, const audit::LoginVisitor& visit) {
  return local_->Logins(after, visit);
}

base::Result<uint64_t> TieredStore::NewestHealth() { return local_->NewestHealth(); }

// What is left here of a day of the archive answers no look-up.
base::Result<std::vector<audit::IndexFault>> TieredStore::CheckIndex(
    const audit::TimeSpan& span, const std::function<bool()>& keep_on) {
  auto faults = local_->CheckIndex(span, keep_on);
  if (!faults.ok()) return faults;
  const auto days = book_.days();
  std::erase_if(*faults, [&](const audit::IndexFault& fault) {
    return days.contains(audit::DayOf(fault.hour));
  });
  return faults;
}

base::Result<audit::StoreStats> TieredStore::Stats() {
  auto stats = local_->Stats();
  if (!stats.ok()) return stats;
  const ShipperStatus shipping = shipper_->status();
  audit::ArchiveStats archive;
  archive.outbox_rows = local_->spool().outbox_rows();
  archive.outbox_bytes = local_->spool().OutboxBytes();
  archive.outbox_over_limit = shipping.spool_over_limit;
  archive.rows_shipped = shipping.rows_shipped;
  archive.failures = shipping.failures;
  archive.last_success = shipping.last_success;
  archive.trouble = shipping.trouble;
  archive.days_differing = keeper_->days_differing();
  archive.migration = BackfillStateName(shipper_->migration().backfill.state);

  // Days of this machine first, then the book, as for a plan: a day that moves meanwhile counts
  // once.
  audit::ClassStats& sessions = stats->classes[static_cast<size_t>(audit::RecordClass::kSession)];
  const auto local_days = local_->spool().state().days;
  const auto [days, dropped] = book_.Snapshot();
  sessions.records = 0;
  stats->days = archive.days = days.size();
  for (const auto& [day, known] : days) {
    sessions.records += known.records;
    if (known.records == 0) continue;
    if (!sessions.oldest || known.oldest < *sessions.oldest) sessions.oldest = known.oldest;
  }
  for (const auto& [day, state] : local_days) {
    if (days.contains(day)) continue;  // late records of it are counted when they have moved
    sessions.records += state.records;
    stats->days++;
  }
  stats->days_dropped += dropped.days;
  stats->records_dropped += dropped.records;
  stats->archive = std::move(archive);
  return stats;
}

}  // namespace weir::control::clickhouse
