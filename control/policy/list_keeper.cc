#include "control/policy/list_keeper.h"

#include <fmt/format.h>
#include <sys/stat.h>

#include <algorithm>
#include <chrono>
#include <utility>

#include "dataplane/base/sha256.h"
#include "rules/lists/read_list.h"

namespace weir::control::policy {
namespace {

// A list that shrinks to less than this share of what it was is more likely cut off than cleaned.
constexpr uint64_t kShrinkMax = 10;
constexpr uint64_t kShrinkFrom = 100;  // entries
constexpr uint32_t kRetrySecondsMin = 60;
constexpr unsigned kRetryDoublingsMax = 10;

std::vector<ListSpec> SpecsOf(const rules::PolicyText& rules) {
  std::vector<ListSpec> specs;
  for (const rules::ListDefinition& list : rules.lists) {
    const std::string& rules_file = rules.source_names[list.where.source];
    specs.push_back({list.name, rules::ListSource(list, rules_file), list.format});
  }
  return specs;
}

// What changes when the file does; "" when there is none.
std::string StateOfFile(const std::string& path) {
  struct stat info {};
  if (::stat(path.c_str(), &info) != 0) return "";
  return fmt::format("{} {} {} {}.{}", info.st_dev, info.st_ino, info.st_size, info.st_mtim.tv_sec,
                     info.st_mtim.tv_nsec);
}

base::Result<rules::ListContent> Judge(const ListSpec& spec, const std::string& bytes,
                                       const rules::ListContent* before, bool force,
                                       uint64_t bytes_max) {
  rules::ListOptions options;
  options.format = rules::FindListFormatByName(spec.format);
  options.now = base::WallNow();
  options.bytes_max = bytes_max;
  auto content = rules::ReadList(bytes, options);
  if (!content || force || before == nullptr) return content;
  const uint64_t had = before->entry_count();
  if (had < kShrinkFrom || content->entry_count() >= had / kShrinkMax) return content;
  return base::Error{fmt::format(
      "it has only {} entries, and the last good copy has {}; if that is right: weirctl lists "
      "refresh {} --force",
      content->entry_count(), had, spec.name)};
}

}  // namespace

// The lists as the keeper has them, for one compilation.
class ListKeeper::KeptLists : public rules::ListCatalog {
 public:
  KeptLists(const ListKeeper& keeper, bool strict) : keeper_(keeper), strict_(strict) {}

  base::Result<rules::LoadedList> Load(const rules::ListDefinition& list,
                                       const std::string& rules_file) const override {
    const ListSpec spec{list.name, rules::ListSource(list, rules_file), list.format};
    const std::string fault = keeper_.FaultOf(spec);
    auto loaded = keeper_.files_.Load(list, rules_file);
    if (loaded && !fault.empty()) {
      loaded->warning = fault + "; the last good copy is used";
    }
    if (loaded || !rules::IsListUrl(spec.source)) return loaded;
    const std::string why = fault.empty() ? loaded.error().message : fault;
    if (strict_) return base::Error{why};
    return rules::LoadedList{std::make_shared<const rules::ListContent>(), "",
                             why + "; the list is empty until it is fetched"};
  }

 private:
  const ListKeeper& keeper_;
  const bool strict_;
};

ListKeeper::ListKeeper(Options options)
    : options_(std::move(options)),
      files_({.copies = options_.copies, .bytes_max = options_.bytes_max}) {}

ListKeeper::~ListKeeper() { Stop(); }

void ListKeeper::Start() {
  thread_ = std::thread([this] { Run(); });
}

void ListKeeper::Stop() {
  stopping_ = true;
  {
    const std::scoped_lock lock(stop_mutex_);
    stop_asked_ = true;
  }
  stop_wakes_.notify_all();
  if (thread_.joinable()) thread_.join();
}

void ListKeeper::Run() {
  std::unique_lock lock(stop_mutex_);
  while (!stop_asked_) {
    lock.unlock();
    LookAtDue();
    lock.lock();
    stop_wakes_.wait_for(lock, std::chrono::milliseconds(options_.poll_ms),
                         [this] { return stop_asked_; });
  }
}

void ListKeeper::Log(const std::string& line) const {
  if (options_.log) options_.log(line);
}

// --- which lists ---

ListKeeper::Known* ListKeeper::Find(const ListSpec& spec) {
  const auto found = std::find_if(known_.begin(), known_.end(),
                                  [&](const Known& known) { return known.state.spec == spec; });
  return found == known_.end() ? nullptr : &*found;
}

std::string ListKeeper::FaultOf(const ListSpec& spec) const {
  const std::scoped_lock lock(state_mutex_);
  const auto found = std::find_if(known_.begin(), known_.end(),
                                  [&](const Known& known) { return known.state.spec == spec; });
  return found == known_.end() ? "" : found->state.fault;
}

std::optional<ListSpec> ListKeeper::FindKept(const std::string& name) const {
  const std::scoped_lock lock(state_mutex_);
  for (const Known& known : known_) {
    if (known.kept && known.state.spec.name == name) return known.state.spec;
  }
  return std::nullopt;
}

void ListKeeper::ShowCopy(ListState& state) const {
  const ListCopy copy(options_.copies, state.spec);
  state.has_copy = copy.exists();
  if (!state.has_copy) return;
  const ListCopy::Note note = copy.ReadNote();
  state.digest = note.digest;
  state.taken = note.taken;
  state.content = ContentOfCopy(state.spec);
  copy.Touch();
}

std::shared_ptr<const rules::ListContent> ListKeeper::ContentOfCopy(const ListSpec& spec) const {
  if (!ListCopy(options_.copies, spec).exists()) return nullptr;
  rules::ListDefinition list;
  list.name = spec.name;
  list.path = spec.source;
  list.format = spec.format;
  const auto loaded = files_.Load(list, "");
  return loaded ? loaded->content : nullptr;
}

void ListKeeper::Keep(const rules::PolicyText& rules) {
  const std::vector<ListSpec> specs = SpecsOf(rules);
  std::vector<ListState> states;  // of those that come in anew; reading one takes its time
  for (const ListSpec& spec : specs) {
    ListState state;
    state.spec = spec;
    ShowCopy(state);
    states.push_back(std::move(state));
  }
  {
    const std::scoped_lock lock(state_mutex_);
    std::vector<Known> known;
    for (ListState& state : states) {
      const Known* old = Find(state.spec);
      known.push_back(old != nullptr ? *old : Known());
      if (old == nullptr) known.back().state = std::move(state);
      known.back().kept = true;
    }
    known_ = std::move(known);
  }
  files_.ForgetUnused();
  ListCopy::RemoveOld(options_.copies, base::WallNow());
}

void ListKeeper::Prepare(const rules::PolicyText& rules) {
  const std::scoped_lock work(work_mutex_);
  for (const ListSpec& spec : SpecsOf(rules)) {
    bool look = !ListCopy(options_.copies, spec).exists();
    {
      const std::scoped_lock lock(state_mutex_);
      const Known* known = Find(spec);
      if (known == nullptr) {
        known_.emplace_back();
        known_.back().state.spec = spec;
        look = true;
      } else if (!rules::IsListUrl(spec.source)) {
        look = look || known->seen != StateOfFile(spec.source);
      }
    }
    if (look) NoteLook(spec, Look(spec, false));
  }
}

std::vector<ListState> ListKeeper::States() const {
  const std::scoped_lock lock(state_mutex_);
  std::vector<ListState> states;
  for (const Known& known : known_) {
    if (known.kept) states.push_back(known.state);
  }
  return states;
}

std::unique_ptr<rules::ListCatalog> ListKeeper::Catalog(bool strict) const {
  return std::make_unique<KeptLists>(*this, strict);
}

// --- looking ---

bool ListKeeper::IsDue(const Known& known) {
  if (!known.kept) return false;
  if (rules::IsListUrl(known.state.spec.source)) return base::MonoNow() >= known.due;
  return known.seen != StateOfFile(known.state.spec.source);
}

void ListKeeper::LookAtDue() {
  std::vector<ListSpec> due;
  {
    const std::scoped_lock lock(state_mutex_);
    for (const Known& known : known_) {
      if (IsDue(known)) due.push_back(known.state.spec);
    }
  }
  for (const ListSpec& spec : due) {
    const std::scoped_lock work(work_mutex_);
    if (stopping_) return;
    NoteLook(spec, Look(spec, false));
  }
}

base::Result<ListLook> ListKeeper::Refresh(const std::string& name, bool force) {
  const auto spec = FindKept(name);
  if (!spec) return base::Error{fmt::format("the rules in force have no list '{}'", name)};
  const std::scoped_lock work(work_mutex_);
  auto look = Look(*spec, force);
  NoteLook(*spec, look);
  return look;
}

base::Result<ListLook> ListKeeper::Check(const std::string& name, const std::string& path) {
  const auto spec = FindKept(name);
  if (!spec) return base::Error{fmt::format("the rules in force have no list '{}'", name)};
  const std::scoped_lock work(work_mutex_);
  auto fresh = path.empty() ? Acquire(*spec) : ReadFresh(path);
  if (!fresh) return fresh.error();
  return LookAt(*spec, std::move(*fresh), true, false);
}

base::Result<ListLook> ListKeeper::Import(const std::string& name, const std::string& path,
                                          bool force) {
  const auto spec = FindKept(name);
  if (!spec) return base::Error{fmt::format("the rules in force have no list '{}'", name)};
  const std::scoped_lock work(work_mutex_);
  auto fresh = ReadFresh(path);
  if (!fresh) return fresh.error();
  auto look = LookAt(*spec, std::move(*fresh), force, true);
  if (look) NoteLook(*spec, look);
  return look;
}

base::Result<ListKeeper::Fresh> ListKeeper::ReadFresh(const std::string& path) const {
  auto bytes = rules::ReadListBytes(path, options_.bytes_max);
  if (!bytes) return base::Error{fmt::format("{}: {}", path, bytes.error().message)};
  Fresh fresh;
  fresh.bytes = std::move(*bytes);
  return fresh;
}

base::Result<ListKeeper::Fresh> ListKeeper::Acquire(const ListSpec& spec) const {
  if (!rules::IsListUrl(spec.source)) return ReadFresh(spec.source);
  FetchRequest request;
  request.url = spec.source;
  request.timeout_s = options_.timeout_s;
  request.bytes_max = options_.bytes_max;
  const ListCopy copy(options_.copies, spec);
  if (copy.exists()) {
    const ListCopy::Note note = copy.ReadNote();
    request.etag = note.etag;
    request.last_modified = note.last_modified;
  }
  auto fetched = FetchList(request, stopping_);
  if (!fetched) {
    return base::Error{fmt::format("{}: {}", spec.source, fetched.error().message)};
  }
  Fresh fresh;
  fresh.not_modified = fetched->not_modified;
  fresh.bytes = std::move(fetched->bytes);
  fresh.note.etag = std::move(fetched->etag);
  fresh.note.last_modified = std::move(fetched->last_modified);
  return fresh;
}

base::Result<ListLook> ListKeeper::Look(const ListSpec& spec, bool force) {
  if (!rules::IsListUrl(spec.source)) {
    const std::scoped_lock lock(state_mutex_);
    // As it is before it is read: what changes meanwhile is seen at the next look.
    if (Known* known = Find(spec)) known->seen = StateOfFile(spec.source);
  }
  auto fresh = Acquire(spec);
  if (!fresh) return fresh.error();
  return LookAt(spec, std::move(*fresh), force, true);
}

base::Result<ListLook> ListKeeper::LookAt(const ListSpec& spec, Fresh fresh, bool force,
                                          bool take) {
  ListLook look;
  const auto before = ContentOfCopy(spec);
  if (fresh.not_modified) {
    look.content = before;
    return look;
  }
  fresh.note.digest = base::Sha256Hex(fresh.bytes);
  fresh.note.taken = base::WallNow();
  const bool same =
      before != nullptr && ListCopy(options_.copies, spec).ReadNote().digest == fresh.note.digest;
  if (same) {
    look.content = before;
    return look;
  }
  auto content = Judge(spec, fresh.bytes, before.get(), force, options_.bytes_max);
  if (!content) return content.error();
  look.content = std::make_shared<const rules::ListContent>(std::move(*content));
  look.diff = rules::DiffLists(before ? *before : rules::ListContent(), *look.content);
  if (!take) return look;
  if (auto taken = TakePlace(spec, fresh); !taken) return taken.error();
  look.changed = true;
  return look;
}

// Lists that are only being prepared change nothing in force: their copies are judged with the
// rules.
base::Status ListKeeper::TakePlace(const ListSpec& spec, const Fresh& fresh) {
  const ListCopy copy(options_.copies, spec);
  if (auto replaced = copy.Replace(fresh.bytes, fresh.note); !replaced) return replaced;
  const auto kept = FindKept(spec.name);
  if (kept && *kept == spec && options_.changed) {
    if (auto accepted = options_.changed(); !accepted) {
      if (auto back = copy.TakeBack(); !back) Log(back.error().message);
      return base::Error{"the policy with it is refused: " + accepted.error().message};
    }
  }
  copy.Settle();
  return {};
}

void ListKeeper::NoteLook(const ListSpec& spec, const base::Result<ListLook>& look) {
  ListState shown;
  shown.spec = spec;
  ShowCopy(shown);
  std::string line;
  {
    const std::scoped_lock lock(state_mutex_);
    Known* known = Find(spec);
    if (known == nullptr) return;
    ListState& state = known->state;
    state.has_copy = shown.has_copy;
    state.digest = shown.digest;
    state.taken = shown.taken;
    state.content = shown.content;
    state.looked = base::WallNow();
    uint64_t seconds = options_.refresh_s;
    if (look) {
      state.success = state.looked;
      state.failures = 0;
      state.fault.clear();
      if (look->changed) {
        line = fmt::format("list '{}': {} entries, {} of them new, {} gone", spec.name,
                           look->content->entry_count(), look->diff.added, look->diff.removed);
      }
    } else {
      const auto doublings = std::min<uint64_t>(state.failures++, kRetryDoublingsMax);
      seconds = std::min<uint64_t>(seconds, uint64_t{kRetrySecondsMin} << doublings);
      if (state.fault != look.error().message) {
        line = fmt::format("list '{}': {}", spec.name, look.error().message);
      }
      state.fault = look.error().message;
    }
    known->due = {base::MonoNow().ns + static_cast<int64_t>(seconds) * base::kNsPerSecond};
  }
  if (!line.empty()) Log(line);
}

}  // namespace weir::control::policy
