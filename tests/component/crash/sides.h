// The two processes that are killed: the data plane's way of events, and the control plane's.
//
// Each function runs in a child, from its start to _exit() or a kill, with the real classes of its
// side and files below `folder`.
#pragma once

#include <filesystem>

#include "books.h"
#include "control/audit/rocks_store.h"
#include "dataplane/base/time.h"

namespace weir::crash {

struct Start {
  std::filesystem::path folder;
  SharedBooks* books = nullptr;
  uint64_t seed = 0;
  uint32_t boot = 0;  // of the data plane's side
};

// Rings, EventKeeper and JournalWriter, fed as workers and the main thread feed them.
// Command::kSettle: goes on until the journal has room and every loss is announced, then ends well.
[[noreturn]] void RunDataplane(const Start& start);

// Ingest, RocksStore with sync, and a consumer in SQLite.
// Answers, when asked, once everything in the journal is committed and consumed.
// Command::kEnd: ends well.
[[noreturn]] void RunControl(const Start& start);

// What the parent expects to find again.
inline std::filesystem::path JournalOf(const std::filesystem::path& folder) {
  return folder / "journal";
}
inline std::filesystem::path ConsumerOf(const std::filesystem::path& folder) {
  return folder / "consumer.db";
}
control::audit::RocksStore::Options StoreOptions(const std::filesystem::path& folder);

// The time of a session's start: some days' worth of sessions, ever later.
base::WallTime StartOf(uint32_t session, uint32_t boot);

}  // namespace weir::crash
