// One HTTP/1.1 connection from its first request to its end.
//
// Runs on the thread that calls it.
#pragma once

#include <cstdint>
#include <functional>
#include <string>

#include "control/api/message.h"

namespace weir::control::api {

struct ConnectionOptions {
  bool local = false;  // the unix socket: trusted
  const std::string& token;
  int64_t timeout_ms = 0;
  const std::function<Reply(Request&)>* handle = nullptr;
  const std::function<void(unsigned)>* count_request = nullptr;
};

// The descriptor stays the caller's.
void ServeConnection(int fd, const ConnectionOptions& options);

// Answers 503 without reading and hangs up.
void RefuseConnection(int fd);

}  // namespace weir::control::api
