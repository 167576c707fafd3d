// Asks weir-control over its unix socket. One thread; a connection for each call.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <string>
#include <string_view>

namespace weir::control::cli {

struct HttpCall {
  std::string method = "GET";
  std::string target;  // "/api/v1/status?x=y", encoded
  std::string body;    // JSON; empty: none
  // For the answer to begin.
  int64_t wait_ms = 60'000;
};

// For what may have to fetch lists first.
inline constexpr int64_t kFetchWaitMs = 3'600'000;

struct HttpAnswer {
  enum class Outcome {
    kAnswered,
    kNoConnection,  // nobody is there, or we may not
    kCutOff,        // the answer is not whole
  };
  Outcome outcome = Outcome::kNoConnection;
  unsigned status = 0;
  std::string body;   // what on_piece did not take
  std::string error;  // one line, unless answered
};

// Takes a piece of the body of a reply with status 200; false to stop.
using PieceTaker = std::function<bool(std::string_view)>;

class HttpClient {
 public:
  // `claimed_user` is told beside the user that the kernel knows: who sits behind sudo.
  HttpClient(std::filesystem::path socket, std::string claimed_user);

  // With `take`, a 200's body goes there as it comes; else it is in the answer.
  HttpAnswer Call(const HttpCall& call, const PieceTaker& take = nullptr) const;

 private:
  std::filesystem::path socket_;
  std::string claimed_user_;
};

// For a query's value.
std::string UrlEncode(std::string_view text);

}  // namespace weir::control::cli
