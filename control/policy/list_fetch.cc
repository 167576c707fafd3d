#include "control/policy/list_fetch.h"

#include <curl/curl.h>
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <memory>
#include <string_view>

namespace weir::control::policy {
namespace {

constexpr long kRedirectionsMax = 5;
constexpr long kConnectSeconds = 15;
constexpr size_t kHeaderValueMax = 1024;

struct CurlFree {
  void operator()(CURL* curl) const { curl_easy_cleanup(curl); }
  void operator()(curl_slist* list) const { curl_slist_free_all(list); }
};

struct Transfer {
  const FetchRequest& request;
  const std::atomic<bool>& stop;
  Fetched fetched;
  bool too_large = false;
};

size_t TakeBody(const char* bytes, size_t, size_t count, void* opaque) {
  auto& transfer = *static_cast<Transfer*>(opaque);
  transfer.too_large = count > transfer.request.bytes_max - transfer.fetched.bytes.size();
  if (transfer.too_large) return 0;
  transfer.fetched.bytes.append(bytes, count);
  return count;
}

// The value when the line is this header (RFC 9110 §5: names without case), else nothing.
std::string_view ValueOf(std::string_view line, std::string_view name) {
  const auto same = [](char a, char b) { return (a >= 'A' && a <= 'Z' ? a | 0x20 : a) == b; };
  if (line.size() <= name.size() || line[name.size()] != ':') return {};
  if (!std::equal(name.begin(), name.end(), line.begin(),
                  [&](char b, char a) { return same(a, b); })) {
    return {};
  }
  line.remove_prefix(name.size() + 1);
  const size_t first = line.find_first_not_of(" \t");
  const size_t last = line.find_last_not_of(" \t\r\n");
  if (first == line.npos || last < first) return {};
  return line.substr(first, last - first + 1).substr(0, kHeaderValueMax);
}

size_t TakeHeader(const char* bytes, size_t, size_t count, void* opaque) {
  Fetched& fetched = static_cast<Transfer*>(opaque)->fetched;
  const std::string_view line(bytes, count);
  if (line.starts_with("HTTP/")) {  // of each answer on the way; the last counts
    fetched.etag.clear();
    fetched.last_modified.clear();
  } else if (const auto etag = ValueOf(line, "etag"); !etag.empty()) {
    fetched.etag = etag;
  } else if (const auto modified = ValueOf(line, "last-modified"); !modified.empty()) {
    fetched.last_modified = modified;
  }
  return count;
}

int LookAtStop(void* opaque, curl_off_t, curl_off_t, curl_off_t, curl_off_t) {
  return static_cast<Transfer*>(opaque)->stop.load(std::memory_order_relaxed) ? 1 : 0;
}

void SetOptions(CURL* curl, Transfer& transfer, curl_slist* headers, char* error) {
  const FetchRequest& request = transfer.request;
  curl_easy_setopt(curl, CURLOPT_URL, request.url.c_str());
  curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "http,https");
  curl_easy_setopt(curl, CURLOPT_REDIR_PROTOCOLS_STR,
                   request.url.starts_with("https:") ? "https" : "http,https");
  curl_easy_setopt(curl, CURLOPT_FOLLOWLOCATION, 1L);
  curl_easy_setopt(curl, CURLOPT_MAXREDIRS, kRedirectionsMax);
  curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
  curl_easy_setopt(curl, CURLOPT_CONNECTTIMEOUT, kConnectSeconds);
  curl_easy_setopt(curl, CURLOPT_TIMEOUT, static_cast<long>(request.timeout_s));
  curl_easy_setopt(curl, CURLOPT_ACCEPT_ENCODING, "");  // all that libcurl undoes
  curl_easy_setopt(curl, CURLOPT_USERAGENT, "weir");
  curl_easy_setopt(curl, CURLOPT_HTTPHEADER, headers);
  curl_easy_setopt(curl, CURLOPT_ERRORBUFFER, error);
  curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, TakeBody);
  curl_easy_setopt(curl, CURLOPT_WRITEDATA, &transfer);
  curl_easy_setopt(curl, CURLOPT_HEADERFUNCTION, TakeHeader);
  curl_easy_setopt(curl, CURLOPT_HEADERDATA, &transfer);
  curl_easy_setopt(curl, CURLOPT_NOPROGRESS, 0L);
  curl_easy_setopt(curl, CURLOPT_XFERINFOFUNCTION, LookAtStop);
  curl_easy_setopt(curl, CURLOPT_XFERINFODATA, &transfer);
}

}  // namespace

base::Result<Fetched> FetchList(const FetchRequest& request, const std::atomic<bool>& stop) {
  static const CURLcode ready = curl_global_init(CURL_GLOBAL_DEFAULT);
  const std::unique_ptr<CURL, CurlFree> curl(ready == CURLE_OK ? curl_easy_init() : nullptr);
  if (!curl) return base::Error{"libcurl cannot be started"};
  std::unique_ptr<curl_slist, CurlFree> headers;
  const auto add = [&](std::string_view name, const std::string& value) {
    if (value.empty()) return;
    curl_slist* longer =
        curl_slist_append(headers.get(), fmt::format("{}: {}", name, value).c_str());
    if (longer == nullptr) return;
    static_cast<void>(headers.release());
    headers.reset(longer);
  };
  add("If-None-Match", request.etag);
  add("If-Modified-Since", request.last_modified);
  std::array<char, CURL_ERROR_SIZE> error{};
  Transfer transfer{request, stop, {}, false};
  SetOptions(curl.get(), transfer, headers.get(), error.data());
  const CURLcode outcome = curl_easy_perform(curl.get());
  if (stop.load(std::memory_order_relaxed)) return base::Error{"stopped"};
  if (transfer.too_large) {
    return base::Error{fmt::format("it has more than {} bytes", request.bytes_max)};
  }
  if (outcome != CURLE_OK) {
    return base::Error{error[0] != '\0' ? error.data() : curl_easy_strerror(outcome)};
  }
  long status = 0;
  curl_easy_getinfo(curl.get(), CURLINFO_RESPONSE_CODE, &status);
  if (status == 304 && (!request.etag.empty() || !request.last_modified.empty())) {
    Fetched same;
    same.not_modified = true;
    return same;
  }
  if (status != 200) return base::Error{fmt::format("the server answers {}", status)};
  return std::move(transfer.fetched);
}

}  // namespace weir::control::policy
