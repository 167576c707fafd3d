// What every command needs: where weir-control is, whether JSON is wanted, where output goes.
//
// One thread; made by main, lives as long as the program.
#pragma once

#include <cstdio>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>

#include "control/cli/http_client.h"
#include "control/cli/table.h"

namespace weir::control::cli {

// The exit codes of INTERFACES.
inline constexpr int kDone = 0;
inline constexpr int kRefused = 1;  // or not found, or not supported yet
inline constexpr int kUsage = 2;
inline constexpr int kNoConnection = 3;

class Context {
 public:
  Context(HttpClient client, bool as_json) : client_(std::move(client)), as_json_(as_json) {}

  const HttpClient& client() const { return client_; }
  bool as_json() const { return as_json_; }

  // What is asked for from now on goes with this reason and request number, where there is one.
  void LookBecause(const std::string& reason, const std::string& request);

  // Calls the API; nullopt when that failed, which has been said, and then exit_code() tells how.
  // An answer of 200 or 202 is a success, and others in `also` are handed on.
  std::optional<nlohmann::json> Ask(HttpCall call, unsigned also = 0);
  unsigned status() const { return status_; }  // of the last answer
  int exit_code() const { return exit_code_; }

  // Says what went wrong with a call, on stderr, and notes the exit code.
  int Failed(const HttpAnswer& answer);
  int Failed(int code, std::string_view line);
  // On stderr, of what was done all the same.
  static void Warn(std::string_view text);

  void Print(std::string_view text) const;
  void Print(const Table& table) const;
  // The answer as it came, for -j.
  void PrintJson(const nlohmann::json& value) const;

 private:
  HttpClient client_;
  bool as_json_;
  std::string because_;  // of a query: "reason=…&request=…"
  unsigned status_ = 0;
  int exit_code_ = kDone;
};

}  // namespace weir::control::cli
