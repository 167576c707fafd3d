// Keeps the lists of the rules in force up to date: looks at files, asks URLs on a schedule, and
// lets something new take the place of the last good copy only when it is a list and the policy
// with it is taken.
//
// A list's way: fetched -> read -> compared with the copy -> copy replaced -> Changed() -> settled,
// or taken back when the policy with it is refused.
//
// One list is worked on at a time, by the keeper's own thread or by who asks; reading what is known
// never waits for that. Changed() is called with the work lock held: whoever holds a lock that
// Changed() takes must not ask for work.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "control/policy/list_copy.h"
#include "control/policy/list_fetch.h"
#include "dataplane/base/file_stamp.h"
#include "dataplane/base/repeating_thread.h"
#include "dataplane/base/result.h"
#include "dataplane/base/time.h"
#include "rules/lists/list_catalog.h"
#include "rules/lists/list_diff.h"
#include "rules/lists/list_files.h"
#include "rules/model/policy_text.h"

namespace weir::control::policy {

// What is known of a list.
struct ListState {
  ListSpec spec;
  bool has_copy = false;
  std::string digest;
  base::WallTime taken;    // the copy, from its source
  base::WallTime success;  // when the source last said that the copy is the newest, or gave it
  base::WallTime looked;   // when it was last asked, whatever it said
  std::string fault;       // why that was no success; empty: it was
  uint64_t failures = 0;   // since the last success
  std::shared_ptr<const rules::ListContent> content;  // of the copy; null: none
};

// What became of one look at a list's source.
struct ListLook {
  bool changed = false;  // the copy is another now
  rules::ListDiff diff;  // against the copy before; of Check and Refresh where the bytes differ
  std::shared_ptr<const rules::ListContent> content;  // of what the source has
};

class ListKeeper {
 public:
  struct Options {
    std::filesystem::path copies;
    uint32_t refresh_s = 3600;
    uint32_t timeout_s = 60;
    uint64_t bytes_max = rules::kListBytesMax;
    int poll_ms = 1000;  // how often files are looked at
    // The copies are others: is the policy with them taken? An error takes the copy back.
    std::function<base::Status()> changed;
    std::function<void(std::string_view)> log;
  };

  explicit ListKeeper(Options options);
  ~ListKeeper();

  void Start();
  void Stop() { thread_.Stop(); }  // idempotent; ends a transfer

  // The lists of these rules are the ones to keep from now on.
  void Keep(const rules::PolicyText& rules);
  // Looks at the sources of lists that are to come into force: of those without a copy, and of
  // files that have changed. What is wrong is told by the catalog, and by States() once kept.
  void Prepare(const rules::PolicyText& rules);

  // Of one list that is kept. `force`: also where it has become suspiciously short.
  base::Result<ListLook> Refresh(const std::string& name, bool force);
  // `bytes` take the place of what its source has. They come from who imports: nobody has a file
  // opened by its name with the rights of this process.
  base::Result<ListLook> Import(const std::string& name, std::string bytes, bool force);
  // As these, but nothing changes. nullopt: of its source.
  base::Result<ListLook> Check(const std::string& name, std::optional<std::string> bytes);

  std::vector<ListState> States() const;

  // The lists as they are in force. `strict`: one that was never fetched is an error, with why.
  std::unique_ptr<rules::ListCatalog> Catalog(bool strict) const;

 private:
  class KeptLists;
  struct Known {
    ListState state;
    bool kept = false;     // of the rules in force; else they are only being prepared
    base::MonoTime due{};  // of a URL
    // Of a file: as it was read last, and as it was seen last. It is read when it is another and
    // keeps still, so that nobody reads what is still being written.
    bool was_read = false;
    std::optional<base::FileStamp> read;
    std::optional<base::FileStamp> seen;
  };
  struct Fresh {
    bool not_modified = false;
    std::string bytes;
    ListCopy::Note note;
  };

  void LookAtDue();
  base::Result<ListSpec> FindKept(const std::string& name) const;
  static bool IsDue(Known& known);
  const Known* Find(const ListSpec& spec) const;  // state lock held, as below
  Known* Find(const ListSpec& spec);
  std::string FaultOf(const ListSpec& spec) const;

  // Work lock held.
  base::Result<ListLook> Look(const ListSpec& spec, bool force);
  base::Result<ListLook> LookAt(const ListSpec& spec, Fresh fresh, bool force, bool take);
  base::Result<Fresh> Acquire(const ListSpec& spec) const;
  static Fresh GivenBytes(std::string bytes);
  base::Result<Fresh> ReadFresh(const std::string& path) const;
  base::Status TakePlace(const ListSpec& spec, const Fresh& fresh);
  void NoteLook(const ListSpec& spec, const base::Result<ListLook>& look);

  // Null: there is no copy, or none that can be read.
  std::shared_ptr<const rules::ListContent> ContentOfCopy(const ListSpec& spec) const;
  void ShowCopy(ListState& state) const;
  void Log(const std::string& line) const;

  const Options options_;
  const rules::ListFiles files_;

  std::mutex work_mutex_;  // taken before state_mutex_

  mutable std::mutex state_mutex_;
  std::vector<Known> known_;

  base::RepeatingThread thread_;
};

}  // namespace weir::control::policy
