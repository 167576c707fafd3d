// ListKeeper: one look at a list's source, from its bytes to the copy that is in force.
#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "control/policy/list_keeper.h"
#include "dataplane/base/sha256.h"
#include "rules/lists/read_list.h"

namespace weir::control::policy {
namespace {

// A list that shrinks to less than this share of what it was is more likely cut off than cleaned.
constexpr uint64_t kShrinkMax = 10;
constexpr uint64_t kShrinkFrom = 100;  // entries
constexpr uint32_t kRetrySecondsMin = 60;
constexpr unsigned kRetryDoublingsMax = 10;

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

base::Result<ListLook> ListKeeper::Refresh(const std::string& name, bool force) {
  const auto spec = FindKept(name);
  if (!spec) return spec.error();
  const std::scoped_lock work(work_mutex_);
  auto look = Look(*spec, force);
  NoteLook(*spec, look);
  return look;
}

base::Result<ListLook> ListKeeper::Check(const std::string& name,
                                         std::optional<std::string> bytes) {
  const auto spec = FindKept(name);
  if (!spec) return spec.error();
  const std::scoped_lock work(work_mutex_);
  auto fresh = bytes ? base::Result<Fresh>(GivenBytes(std::move(*bytes))) : Acquire(*spec);
  if (!fresh) return fresh.error();
  return LookAt(*spec, std::move(*fresh), true, false);
}

base::Result<ListLook> ListKeeper::Import(const std::string& name, std::string bytes, bool force) {
  const auto spec = FindKept(name);
  if (!spec) return spec.error();
  const std::scoped_lock work(work_mutex_);
  auto look = LookAt(*spec, GivenBytes(std::move(bytes)), force, true);
  if (look) NoteLook(*spec, look);
  return look;
}

ListKeeper::Fresh ListKeeper::GivenBytes(std::string bytes) {
  Fresh fresh;
  fresh.bytes = std::move(bytes);
  return fresh;
}

base::Result<ListKeeper::Fresh> ListKeeper::ReadFresh(const std::string& path) const {
  auto bytes = rules::ReadListBytes(path, options_.bytes_max);
  if (!bytes) return base::Error{fmt::format("{}: {}", path, bytes.error().message)};
  return GivenBytes(std::move(*bytes));
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
  auto fetched = FetchList(request, thread_.stop_flag());
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
    // The stamp before the bytes: what is written in between is read again.
    if (Known* known = Find(spec)) {
      known->was_read = true;
      known->read = base::StampOf(spec.source);
    }
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
