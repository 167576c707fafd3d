#include "control/clickhouse/http_connection.h"

#include <curl/curl.h>
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <utility>

#include "dataplane/base/time.h"

namespace weir::control::clickhouse {
namespace {

constexpr size_t kErrorBytesMax = 4096;
constexpr size_t kWordsMax = 400;

struct CurlFree {
  void operator()(CURL* curl) const { curl_easy_cleanup(curl); }
  void operator()(curl_slist* list) const { curl_slist_free_all(list); }
  void operator()(char* text) const { curl_free(text); }
};

}  // namespace

struct HttpConnection::Curl {
  std::unique_ptr<CURL, CurlFree> handle;
  std::unique_ptr<curl_slist, CurlFree> headers;

  void AddHeader(const std::string& line) {
    curl_slist* longer = curl_slist_append(headers.get(), line.c_str());
    if (longer == nullptr) return;
    static_cast<void>(headers.release());
    headers.reset(longer);
  }
};

struct HttpConnection::Transfer {
  const std::atomic<bool>& stop;
  CURL* curl = nullptr;
  const Take& take;
  int64_t quiet_ns = 0;
  int64_t moved_ns = 0;  // when a byte moved last
  curl_off_t uploaded = 0;
  std::string error_body;  // of a status other than 200
  bool stopped_by_taker = false;
  bool too_quiet = false;

  static size_t TakeBody(const char* bytes, size_t, size_t count, void* opaque);
  static int Look(void* opaque, curl_off_t, curl_off_t, curl_off_t, curl_off_t uploaded);
};

size_t HttpConnection::Transfer::TakeBody(const char* bytes, size_t, size_t count, void* opaque) {
  auto& transfer = *static_cast<Transfer*>(opaque);
  long status = 0;
  curl_easy_getinfo(transfer.curl, CURLINFO_RESPONSE_CODE, &status);
  if (status != 200) {
    const size_t room = kErrorBytesMax - transfer.error_body.size();
    transfer.error_body.append(bytes, std::min(count, room));
  } else if (!transfer.take({bytes, count})) {
    transfer.stopped_by_taker = true;
    return 0;
  }
  transfer.moved_ns = base::MonoNow().ns;  // what the taker needed is not the server's
  return count;
}

// Called about once a second, and whenever something moves.
int HttpConnection::Transfer::Look(void* opaque, curl_off_t, curl_off_t, curl_off_t,
                                   curl_off_t uploaded) {
  auto& transfer = *static_cast<Transfer*>(opaque);
  const int64_t now = base::MonoNow().ns;
  if (uploaded != transfer.uploaded) {
    transfer.uploaded = uploaded;
    transfer.moved_ns = now;
  }
  transfer.too_quiet = now - transfer.moved_ns > transfer.quiet_ns;
  return transfer.too_quiet || transfer.stop.load(std::memory_order_relaxed) ? 1 : 0;
}

std::string ServerWords(std::string_view body) {
  std::string words(body.substr(0, body.find('\n')));
  const auto cut = [&words](std::string_view what, std::string_view instead) {
    const size_t at = words.find(what);
    if (at != std::string::npos) words.replace(at, what.size(), instead);
  };
  cut(", e.displayText() = DB::Exception:", ".");
  cut(", e.what() = DB::Exception", "");
  if (words.size() > kWordsMax) words.resize(kWordsMax);
  for (char& c : words) {
    if (static_cast<unsigned char>(c) < ' ') c = '?';
  }
  return words;
}

HttpConnection::HttpConnection(Endpoint endpoint, const std::atomic<bool>& stop)
    : endpoint_(std::move(endpoint)), stop_(stop), curl_(std::make_unique<Curl>()) {
  static const CURLcode ready = curl_global_init(CURL_GLOBAL_DEFAULT);
  if (ready == CURLE_OK) curl_->handle.reset(curl_easy_init());
  curl_->AddHeader("X-ClickHouse-User: " + endpoint_.user);
  if (!endpoint_.password.empty()) curl_->AddHeader("X-ClickHouse-Key: " + endpoint_.password);
  curl_->AddHeader("Content-Type: application/octet-stream");
  curl_->AddHeader("Expect:");  // no question before a long body
}

HttpConnection::~HttpConnection() = default;

base::Status HttpConnection::Perform(Transfer& transfer, const std::string& target,
                                     std::string_view body) {
  CURL* curl = curl_->handle.get();
  const auto failure = [&](std::string_view what) {
    return base::Error{fmt::format("ClickHouse at {}: {}", endpoint_.url, what)};
  };
  if (curl == nullptr) return failure("libcurl cannot be started");
  std::array<char, CURL_ERROR_SIZE> error{};
  transfer.curl = curl;
  transfer.moved_ns = base::MonoNow().ns;
  const std::string url = endpoint_.url + "/" + target;
  curl_easy_reset(curl);  // options only: the connection stays
  curl_easy_setopt(curl, CURLOPT_URL, url.c_str());
  curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "http,https");
  curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
  curl_easy_setopt(curl, CURLOPT_CONNECTTIMEOUT_MS,
                   static_cast<long>(endpoint_.connect_timeout_ms));
  curl_easy_setopt(curl, CURLOPT_USERAGENT, "weir");
  curl_easy_setopt(curl, CURLOPT_HTTPHEADER, curl_->headers.get());
  curl_easy_setopt(curl, CURLOPT_POST, 1L);
  curl_easy_setopt(curl, CURLOPT_POSTFIELDS, body.data());
  curl_easy_setopt(curl, CURLOPT_POSTFIELDSIZE_LARGE, static_cast<curl_off_t>(body.size()));
  curl_easy_setopt(curl, CURLOPT_ERRORBUFFER, error.data());
  curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, Transfer::TakeBody);
  curl_easy_setopt(curl, CURLOPT_WRITEDATA, &transfer);
  curl_easy_setopt(curl, CURLOPT_NOPROGRESS, 0L);
  curl_easy_setopt(curl, CURLOPT_XFERINFOFUNCTION, Transfer::Look);
  curl_easy_setopt(curl, CURLOPT_XFERINFODATA, &transfer);
  const CURLcode outcome = curl_easy_perform(curl);
  if (transfer.stopped_by_taker) return {};
  if (stop_.load(std::memory_order_relaxed)) return failure("stopped");
  if (transfer.too_quiet) {
    return failure(fmt::format("no answer for {} s", transfer.quiet_ns / base::kNsPerSecond));
  }
  if (outcome != CURLE_OK) {
    return failure(error[0] != '\0' ? error.data() : curl_easy_strerror(outcome));
  }
  long status = 0;
  curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &status);
  if (status == 200) return {};
  const std::string words = ServerWords(transfer.error_body);
  return failure(words.empty() ? fmt::format("it answers {}", status)
                               : fmt::format("it answers {}: {}", status, words));
}

base::Result<std::string> HttpConnection::Ask(const std::string& sql, int64_t quiet_ms) {
  std::string answer;
  bool too_long = false;
  const Take take = [&](std::string_view piece) {
    too_long = piece.size() > kAnswerBytesMax - answer.size();
    if (!too_long) answer += piece;
    return !too_long;
  };
  const int64_t quiet = quiet_ms != 0 ? quiet_ms : endpoint_.quiet_timeout_ms;
  Transfer transfer{stop_, nullptr, take, quiet * base::kNsPerMs, 0, 0, {}, false, false};
  if (auto done = Perform(transfer, "", sql); !done.ok()) return done.error();
  if (too_long) {
    return base::Error{fmt::format("ClickHouse at {}: it answers more than {} bytes", endpoint_.url,
                                   kAnswerBytesMax)};
  }
  if (answer.starts_with("Code: ")) {
    return base::Error{fmt::format("ClickHouse at {}: {}", endpoint_.url, ServerWords(answer))};
  }
  return answer;
}

base::Status HttpConnection::Insert(const std::string& sql, std::string_view rows) {
  std::string answer;
  const Take take = [&](std::string_view piece) {
    answer.append(piece.substr(0, kErrorBytesMax - std::min(answer.size(), kErrorBytesMax)));
    return true;
  };
  Transfer transfer{stop_, nullptr, take, endpoint_.quiet_timeout_ms * base::kNsPerMs, 0, 0,
                    {},    false,   false};
  const std::unique_ptr<char, CurlFree> query(
      curl_easy_escape(curl_->handle.get(), sql.data(), static_cast<int>(sql.size())));
  if (!query) return base::Error{"libcurl: no memory"};
  // Replicated tables would pass over rows that they have had before, though somebody has dropped
  // them since.
  const std::string target = std::string("?insert_deduplicate=0&query=") + query.get();
  if (auto done = Perform(transfer, target, rows); !done.ok()) return done;
  if (answer.empty()) return {};  // ClickHouse says nothing when all went well
  return base::Error{fmt::format("ClickHouse at {}: {}", endpoint_.url, ServerWords(answer))};
}

base::Status HttpConnection::Stream(const std::string& sql, const Take& take) {
  Transfer transfer{stop_, nullptr, take, endpoint_.quiet_timeout_ms * base::kNsPerMs, 0, 0,
                    {},    false,   false};
  return Perform(transfer, "", sql);
}

}  // namespace weir::control::clickhouse
