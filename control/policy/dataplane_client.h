// Asks the data plane on its control socket: one JSON object a line there, one back.
//
// Every call connects anew, so a data plane that was started again is found without ado, and is
// bounded by the timeout as a whole. Any thread; calls run side by side.
#pragma once

#include <cstdint>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <string>

namespace weir::control::policy {

inline constexpr int kDataplaneTimeoutMs = 5000;
inline constexpr size_t kReplyBytesMax = size_t{64} << 20;

struct DataplaneReply {
  enum class Outcome : uint8_t {
    kOk,
    kRefused,  // it answered "ok": false
    kAway,     // not there, hung up, too slow, or answered what is no reply
  };
  Outcome outcome = Outcome::kAway;
  nlohmann::json body;  // the whole reply when kOk
  std::string error;    // one line otherwise

  bool ok() const { return outcome == Outcome::kOk; }
};

class DataplaneClient {
 public:
  explicit DataplaneClient(std::filesystem::path socket, int timeout_ms = kDataplaneTimeoutMs);

  DataplaneReply Call(const nlohmann::json& request) const { return Call(request, timeout_ms_); }
  DataplaneReply Call(const nlohmann::json& request, int timeout_ms) const;

  const std::filesystem::path& socket() const { return socket_; }

 private:
  std::filesystem::path socket_;
  int timeout_ms_;
};

}  // namespace weir::control::policy
