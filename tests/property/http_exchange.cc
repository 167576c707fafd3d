// HTTP/1 requests as clients write them, and as those do who hope that nobody understands.
#include <string>

#include "tests/property/exchange.h"

namespace weir::property {
namespace {

constexpr std::string_view kMethods[] = {"GET",     "GET",    "POST", "HEAD",
                                         "OPTIONS", "DELETE", "PUT",  "PROPFIND"};
constexpr std::string_view kPaths[] = {"/", "/index.html?q=blocked.example", "/a%20b/../c",
                                       "/Host:blocked.example"};
constexpr std::string_view kHostWords[] = {"Host: ", "host:", "HOST:\t", "Host :", "hOsT:   "};
constexpr std::string_view kTails[] = {"", "", "", ":80", " ", "\t", ":8080 "};

class Writer {
 public:
  explicit Writer(Random& random) : random_(random), line_end_(random.OneIn(8) ? "\n" : "\r\n") {}

  Message Write(const std::vector<std::string_view>& hosts) {
    // An empty line before a request (RFC 9112 §2.2).
    if (random_.OneIn(8)) text_ += line_end_;
    const bool absolute = random_.OneIn(6);
    RequestLine(hosts, absolute);
    for (uint32_t i = random_.Below(4); i > 0; --i) Filler();
    for (const std::string_view host : hosts) Host(host, absolute);
    for (uint32_t i = random_.Below(4); i > 0; --i) Filler();
    Body();
    message_.bytes = testing::BytesOf(text_);
    message_.reply = testing::BytesOf("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
    return std::move(message_);
  }

 private:
  uint32_t at() const { return static_cast<uint32_t>(text_.size()); }

  void Ask(std::string_view name, uint32_t told_at, Range letters) {
    message_.asked.push_back({Canonical(name), told_at, letters});
  }

  void RequestLine(const std::vector<std::string_view>& hosts, bool absolute) {
    text_ += random_.Of(kMethods);
    text_ += ' ';
    const uint32_t begin = at() + 7;
    if (absolute) (text_ += "http://") += hosts.front();
    const uint32_t end = at();
    text_ += random_.Of(kPaths);
    text_ += random_.OneIn(5) ? " HTTP/1.0" : " HTTP/1.1";
    text_ += line_end_;
    if (absolute) Ask(hosts.front(), at(), {begin, end});
  }

  // Where the URI names the host, the headers do not count (RFC 9112 §3.2.2).
  void Host(std::string_view host, bool absolute) {
    text_ += random_.Of(kHostWords);
    if (random_.OneIn(16)) (text_ += line_end_) += ' ';  // folded
    const uint32_t begin = at();
    text_ += host;
    const Range letters{begin, at()};
    text_ += random_.Of(kTails);
    text_ += line_end_;
    // The next byte shows that the line is not folded.
    if (!absolute) Ask(host, at() + 1, letters);
  }

  void Filler() {
    text_ += random_.OneIn(2) ? "User-Agent: " : "X-Forwarded-Host: ";
    const uint32_t begin = at();
    for (uint32_t i = random_.Below(120); i > 0; --i) {
      text_ += static_cast<char>('a' + random_.Below(26));
    }
    message_.idle.push_back({begin, at()});
    text_ += line_end_;
  }

  std::string BodyText() {
    std::string body = random_.OneIn(3) ? "Host: www.blocked.example\r\n\r\n" : "";
    for (uint32_t i = random_.Below(200); i > 0; --i) {
      body += static_cast<char>(random_.Between(1, 127));
    }
    return body;
  }

  void Body() {
    const uint32_t kind = random_.Below(4);
    if (kind == 0) {
      const std::string body = BodyText();
      text_ += "Content-Length: " + std::to_string(body.size()) + line_end_ + line_end_ + body;
    } else if (kind == 1) {
      text_ += "Transfer-Encoding: chunked" + line_end_ + line_end_;
      for (uint32_t i = random_.Below(3); i > 0; --i) Chunk(BodyText());
      text_ += "0" + line_end_ + line_end_;
    } else {
      text_ += line_end_;
    }
  }

  void Chunk(const std::string& body) {
    if (body.empty()) return;
    constexpr char kDigits[] = "0123456789abcdef";
    std::string size;
    for (size_t left = body.size(); left > 0; left /= 16)
      size.insert(size.begin(), kDigits[left % 16]);
    text_ += size + line_end_ + body + line_end_;
  }

  Random& random_;
  std::string line_end_;
  std::string text_;
  Message message_;
};

}  // namespace

Message HttpRequest(Random& random, const std::vector<std::string_view>& hosts) {
  return Writer(random).Write(hosts);
}

}  // namespace weir::property
