#include "control/policy/list_keeper.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <utility>

namespace weir::control::policy {
namespace {

std::vector<ListSpec> SpecsOf(const rules::PolicyText& rules) {
  std::vector<ListSpec> specs;
  for (const rules::ListDefinition& list : rules.lists) {
    const std::string& rules_file = rules.source_names[list.where.source];
    specs.push_back({list.name, rules::ListSource(list, rules_file), list.format});
  }
  return specs;
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
  thread_.Start(std::chrono::milliseconds(options_.poll_ms), [this] { LookAtDue(); });
}

void ListKeeper::Log(const std::string& line) const {
  if (options_.log) options_.log(line);
}

// --- which lists ---

const ListKeeper::Known* ListKeeper::Find(const ListSpec& spec) const {
  const auto found = std::find_if(known_.begin(), known_.end(),
                                  [&](const Known& known) { return known.state.spec == spec; });
  return found == known_.end() ? nullptr : &*found;
}

ListKeeper::Known* ListKeeper::Find(const ListSpec& spec) {
  return const_cast<Known*>(std::as_const(*this).Find(spec));
}

std::string ListKeeper::FaultOf(const ListSpec& spec) const {
  const std::scoped_lock lock(state_mutex_);
  const Known* known = Find(spec);
  return known == nullptr ? "" : known->state.fault;
}

base::Result<ListSpec> ListKeeper::FindKept(const std::string& name) const {
  const std::scoped_lock lock(state_mutex_);
  for (const Known& known : known_) {
    if (known.kept && known.state.spec.name == name) return known.state.spec;
  }
  return base::Error{fmt::format("the rules in force have no list '{}'", name)};
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
        look = look || known->read != base::StampOf(spec.source);
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

bool ListKeeper::IsDue(Known& known) {
  if (!known.kept) return false;
  const std::string& source = known.state.spec.source;
  if (rules::IsListUrl(source)) return base::MonoNow() >= known.due;
  const auto before = std::exchange(known.seen, base::StampOf(source));
  return !known.was_read || (known.seen != known.read && known.seen == before);
}

void ListKeeper::LookAtDue() {
  std::vector<ListSpec> due;
  {
    const std::scoped_lock lock(state_mutex_);
    for (Known& known : known_) {
      if (IsDue(known)) due.push_back(known.state.spec);
    }
  }
  for (const ListSpec& spec : due) {
    const std::scoped_lock work(work_mutex_);
    if (thread_.stopping()) return;
    NoteLook(spec, Look(spec, false));
  }
}

}  // namespace weir::control::policy
