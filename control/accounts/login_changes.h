// Log-ins as they are carried into the record, of whatever source: each that began, ended or was
// told otherwise, by the number of its last change.
//
// Any thread.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "control/accounts/binding.h"
#include "dataplane/base/mac_address.h"
#include "dataplane/base/result.h"

namespace weir::control::accounts {

struct Login {
  std::string account;
  base::IpPrefix ip;     // one address, or a prefix
  base::MacAddress mac;  // zero: not known
  std::string nas;       // which access server it is: with the session's name it says which session
  std::string nas_name;
  std::string session;
  std::string port;
  base::WallTime login_time;
  bool begun_unseen = false;  // `login_time` follows from later words: its start was not told
  std::optional<base::WallTime> logout_time;  // not there: still logged in
  std::string cause;                          // of the end
  base::WallTime last_seen;
  uint32_t interim_s = 0;
  BindingSource source = BindingSource::kRadius;  // who told of its beginning
  std::string room;
  std::string seat;

  bool operator==(const Login&) const = default;
};

// A log-in as it stood when it was read; `number` grows with every change of any of them.
struct LoginChange {
  int64_t number = 0;
  int64_t id = 0;  // of the log-in
  Login login;
};

class LoginChanges {
 public:
  virtual ~LoginChanges() = default;

  virtual BindingSource source() const = 0;
  // Those since change `after`, each once, in the order of their last changes; of the first
  // `limit` changes.
  virtual base::Result<std::vector<LoginChange>> ChangesAfter(int64_t after,
                                                              size_t limit) const = 0;
  // Changes up to `number` need not be known any more.
  virtual base::Status ForgetChanges(int64_t number) = 0;
};

}  // namespace weir::control::accounts
