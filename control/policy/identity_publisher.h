// Tells the data plane whose every address is, soon after it changes.
//
// Looks for changes ten times a second and sends those alone, in numbered updates. A data plane
// that does not know what they follow, because it was started again or missed one, says so and is
// told everything. An empty update once a second finds that out when nothing changes. While the
// data plane is away it decides by what it was told last.
//
// Start() runs one thread. What it is given must outlive it.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

#include "control/accounts/directory.h"
#include "control/accounts/registry_file.h"
#include "control/policy/dataplane_client.h"
#include "dataplane/base/repeating_thread.h"
#include "dataplane/base/time.h"

namespace weir::control::policy {

struct IdentityStatus {
  bool in_step = false;
  size_t addresses = 0;           // as the data plane has them
  uint64_t refused = 0;           // it had no room for, since its start
  uint64_t prefixes_refused = 0;  // which hold what no host has for its own
  std::string error;              // why it is not in step
  base::WallTime last_change;     // of the last one that was sent; 0: none
  uint64_t updates = 0;           // with changes, or all
};

class IdentityPublisher {
 public:
  struct Options {
    std::filesystem::path dataplane_socket;
    int dataplane_timeout_ms = kDataplaneTimeoutMs;
    int look_ms = 100;
    int idle_ms = 1000;  // between empty updates, and before one that failed is tried again
    size_t batch_bytes_max = size_t{256} << 10;  // of one update, about
    std::function<void(std::string_view)> log;
  };

  // `registry`: the file to look at; null: none.
  IdentityPublisher(Options options, const accounts::Directory& directory,
                    accounts::RegistryFile* registry);
  ~IdentityPublisher() { Stop(); }
  IdentityPublisher(const IdentityPublisher&) = delete;
  IdentityPublisher& operator=(const IdentityPublisher&) = delete;

  void Start();
  void Stop() { thread_.Stop(); }  // idempotent

  // One look; what the thread does.
  void Look();

  IdentityStatus status() const;

 private:
  struct Update {
    nlohmann::json set = nlohmann::json::array();
    nlohmann::json remove = nlohmann::json::array();
    size_t bytes = 0;
  };
  enum class Sent : uint8_t { kTaken, kAgain, kFailed };

  std::vector<accounts::Present> Tellable(std::vector<accounts::Present> present);
  Sent SendChanges(const std::vector<accounts::Present>& present);
  Sent SendAll(const std::vector<accounts::Present>& present);
  Sent Send(Update update, const nlohmann::json& flags);
  void Failed(const std::string& error);

  const Options options_;
  const accounts::Directory& directory_;
  accounts::RegistryFile* const registry_;
  const DataplaneClient dataplane_;
  const std::string boot_;

  // The thread's.
  bool in_step_ = false;
  uint64_t seq_ = 0;
  uint64_t told_generation_ = 0;
  size_t left_out_ = 0;
  std::vector<accounts::Present> told_;
  base::MonoTime next_idle_;

  mutable std::mutex status_mutex_;
  IdentityStatus status_;

  base::RepeatingThread thread_;
};

}  // namespace weir::control::policy
