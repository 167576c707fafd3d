// A clickhouse-server of the test's own: in a temporary folder, on a free loopback port, small.
//
// It is ended with the object, and by the kernel when the test dies: exactly the process that was
// started. One thread.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>

#include "control/clickhouse/http_connection.h"

namespace weir::control::clickhouse {

// Where the program is; empty: nowhere.
std::string ClickhouseProgram();

class ClickhouseServer {
 public:
  ClickhouseServer();  // finds a port; starts nothing
  ~ClickhouseServer();
  ClickhouseServer(const ClickhouseServer&) = delete;
  ClickhouseServer& operator=(const ClickhouseServer&) = delete;

  // Returns when it answers; false, and why is in error().
  bool Start();
  void Kill();  // SIGKILL, as often as one likes; Start() goes on with the same folder and port
  const std::string& error() const { return error_; }

  // As the user whom its configuration knows; another, "small", may use 320 MB a statement.
  Endpoint EndpointOf(const std::string& database) const;
  // The answer without its last line end; a failure is a failure of the test.
  std::string Ask(const std::string& sql) const;

 private:
  void WriteConfig() const;
  bool Answers() const;

  std::filesystem::path dir_;
  uint16_t port_ = 0;
  pid_t process_ = 0;
  std::string error_;
};

// One for all tests of a program; null where there is none, and then the test was told: it is
// skipped, or with CI=true failed. Each test uses databases of its own.
ClickhouseServer* SharedServer();
// The same for a test that wants a server for itself, not started.
std::unique_ptr<ClickhouseServer> OwnServer();

// "test_17": another at each call.
std::string NewDatabase();

}  // namespace weir::control::clickhouse
