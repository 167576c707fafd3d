#include "control/mail/smtp_sender.h"

#include <curl/curl.h>
#include <fmt/chrono.h>
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <ctime>
#include <memory>
#include <string_view>
#include <utility>

namespace weir::control::mail {
namespace {

struct CurlFree {
  void operator()(CURL* curl) const { curl_easy_cleanup(curl); }
  void operator()(curl_slist* list) const { curl_slist_free_all(list); }
};

struct Upload {
  std::string_view rest;
  const std::atomic<bool>& stop;

  static size_t Give(char* into, size_t, size_t room, void* opaque) {
    auto& upload = *static_cast<Upload*>(opaque);
    const size_t size = std::min(room, upload.rest.size());
    std::copy_n(upload.rest.data(), size, into);
    upload.rest.remove_prefix(size);
    return size;
  }
  static int Look(void* opaque, curl_off_t, curl_off_t, curl_off_t, curl_off_t) {
    return static_cast<Upload*>(opaque)->stop.load(std::memory_order_relaxed) ? 1 : 0;
  }
};

// RFC 5322 §3.3, in UTC.
std::string DateText(base::WallTime time) {
  const std::time_t seconds = time.ns / base::kNsPerSecond;
  return fmt::format("{:%a, %d %b %Y %H:%M:%S} +0000", fmt::gmtime(seconds));
}

std::string_view DomainOf(std::string_view address) {
  return address.substr(address.find('@') + 1);
}

// What it means to whoever reads it; where curl's words say it better, those.
std::string Words(CURLcode outcome, const char* error, long answer) {
  switch (outcome) {
    case CURLE_USE_SSL_FAILED:
      return "it offers no TLS, and without TLS nothing is sent";
    case CURLE_LOGIN_DENIED:
      return "it refuses the user or the password";
    case CURLE_OPERATION_TIMEDOUT:
      return "it takes too long";
    default:
      break;
  }
  const std::string words = *error != '\0' ? error : curl_easy_strerror(outcome);
  return answer >= 400 ? fmt::format("it answers {}: {}", answer, words) : words;
}

}  // namespace

std::string MessageText(const Message& message) {
  std::string text = fmt::format(
      "Date: {}\r\nFrom: <{}>\r\nTo: <{}>\r\nSubject: {}\r\nMessage-ID: <{}@{}>\r\n"
      "MIME-Version: 1.0\r\nContent-Type: text/plain; charset=us-ascii\r\n"
      "Content-Transfer-Encoding: 7bit\r\nAuto-Submitted: auto-generated\r\n\r\n",
      DateText(message.date), message.from, message.to, message.subject, message.id,
      DomainOf(message.from));
  for (const char c : message.text) {
    if (c == '\n') text += '\r';
    text += c;
  }
  return text;
}

SmtpSender::SmtpSender(SmtpServer server, const std::atomic<bool>& stop)
    : server_(std::move(server)), stop_(stop) {}

base::Status SmtpSender::Send(const Message& message) const {
  static const CURLcode ready = curl_global_init(CURL_GLOBAL_DEFAULT);
  const std::unique_ptr<CURL, CurlFree> owned(ready == CURLE_OK ? curl_easy_init() : nullptr);
  const std::string to = "<" + message.to + ">";
  const std::unique_ptr<curl_slist, CurlFree> recipients(curl_slist_append(nullptr, to.c_str()));
  CURL* curl = owned.get();
  if (curl == nullptr || !recipients) return base::Error{"libcurl cannot be started"};
  const std::string text = MessageText(message);
  const std::string from = "<" + message.from + ">";
  Upload upload{text, stop_};
  std::array<char, CURL_ERROR_SIZE> error{};
  curl_easy_setopt(curl, CURLOPT_URL, server_.url.c_str());
  curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "smtp,smtps");
  curl_easy_setopt(curl, CURLOPT_PROXY, "");  // none, whatever the environment says
  curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
  curl_easy_setopt(curl, CURLOPT_CONNECTTIMEOUT, kConnectMaxS);
  curl_easy_setopt(curl, CURLOPT_TIMEOUT, kTransferMaxS);
  curl_easy_setopt(curl, CURLOPT_USE_SSL,
                   static_cast<long>(server_.tls_required ? CURLUSESSL_ALL : CURLUSESSL_TRY));
  if (!server_.ca_file.empty()) curl_easy_setopt(curl, CURLOPT_CAINFO, server_.ca_file.c_str());
  if (!server_.user.empty()) {
    curl_easy_setopt(curl, CURLOPT_USERNAME, server_.user.c_str());
    curl_easy_setopt(curl, CURLOPT_PASSWORD, server_.password.c_str());
  }
  curl_easy_setopt(curl, CURLOPT_MAIL_FROM, from.c_str());
  curl_easy_setopt(curl, CURLOPT_MAIL_RCPT, recipients.get());
  curl_easy_setopt(curl, CURLOPT_UPLOAD, 1L);
  curl_easy_setopt(curl, CURLOPT_READFUNCTION, Upload::Give);
  curl_easy_setopt(curl, CURLOPT_READDATA, &upload);
  curl_easy_setopt(curl, CURLOPT_NOPROGRESS, 0L);
  curl_easy_setopt(curl, CURLOPT_XFERINFOFUNCTION, Upload::Look);
  curl_easy_setopt(curl, CURLOPT_XFERINFODATA, &upload);
  curl_easy_setopt(curl, CURLOPT_ERRORBUFFER, error.data());
  const CURLcode outcome = curl_easy_perform(curl);
  if (outcome == CURLE_OK) return {};
  long answer = 0;
  curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &answer);
  const bool stopped = outcome == CURLE_ABORTED_BY_CALLBACK;
  return base::Error{fmt::format("mail by {}: {}", server_.url,
                                 stopped ? "stopped" : Words(outcome, error.data(), answer))};
}

}  // namespace weir::control::mail
