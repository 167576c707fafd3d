// Carries log-ins, of RADIUS and of DHCP, into the audit store: a record when one begins, one when
// it ends, and one more whenever that is told otherwise later. Each change once: how far it has
// come stands in the store, in the same write as the records. A prefix stands there by its first
// address, its length behind the port: "eth1/7 prefix /56".
//
// Start() runs one thread. What it is given must outlive it.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "control/accounts/login_changes.h"
#include "control/audit/session_store.h"
#include "dataplane/base/repeating_thread.h"

namespace weir::control::radius {

class LoginRecorder {
 public:
  using Log = std::function<void(std::string_view)>;

  // At most one source of a kind.
  LoginRecorder(std::vector<accounts::LoginChanges*> sources, audit::SessionStore& store, Log log)
      : sources_(std::move(sources)), store_(store), log_(std::move(log)) {}
  ~LoginRecorder() { Stop(); }
  LoginRecorder(const LoginRecorder&) = delete;
  LoginRecorder& operator=(const LoginRecorder&) = delete;

  void Start();
  void Stop() { thread_.Stop(); }  // idempotent

  // Carries over what there is; how many records.
  base::Result<uint64_t> Run();

 private:
  void Look();
  base::Result<size_t> RunChunk(accounts::LoginChanges& source);

  const std::vector<accounts::LoginChanges*> sources_;
  audit::SessionStore& store_;
  const Log log_;
  std::string trouble_;
  base::RepeatingThread thread_;
};

}  // namespace weir::control::radius
