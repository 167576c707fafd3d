#include "dataplane/names/http_request.h"

#include <algorithm>
#include <charconv>

namespace weir::names {
namespace {

constexpr std::string_view kBlanks = " \t";
constexpr std::string_view kWhitespace = " \t\r\n";
constexpr std::string_view kHttp2Preface = "PRI * HTTP/2.0\r\n";
constexpr size_t kMethodBytesMax = 32;
// Those a first line may begin with and carry no version (HTTP/0.9, and servers that forgive).
constexpr std::string_view kMethods[] = {"GET",   "HEAD",  "POST",    "PUT",     "DELETE",
                                         "PATCH", "TRACE", "OPTIONS", "CONNECT", "PROPFIND"};

char Lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c | 0x20) : c; }

bool EqualNoCase(std::string_view a, std::string_view b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(),
                    [](char x, char y) { return Lower(x) == Lower(y); });
}

bool StartsNoCase(std::string_view text, std::string_view start) {
  return text.size() >= start.size() && EqualNoCase(text.substr(0, start.size()), start);
}

bool IsTokenChar(char c) {  // RFC 9110 §5.6.2
  const char small = Lower(c);
  return (small >= 'a' && small <= 'z') || (c >= '0' && c <= '9') ||
         std::string_view("!#$%&'*+-.^_`|~").find(c) != std::string_view::npos;
}

std::string_view TrimLeft(std::string_view text, std::string_view set) {
  const size_t first = text.find_first_not_of(set);
  return first == std::string_view::npos ? std::string_view() : text.substr(first);
}

std::string_view Trim(std::string_view text, std::string_view set) {
  text = TrimLeft(text, set);
  return text.substr(0, text.find_last_not_of(set) + 1);
}

std::string_view AsText(std::span<const uint8_t> bytes) {
  // The bytes of a uint8_t array may be looked at as char.
  return {static_cast<const char*>(static_cast<const void*>(bytes.data())), bytes.size()};
}

bool IsKnownMethod(std::string_view word) {
  return std::any_of(std::begin(kMethods), std::end(kMethods),
                     [word](std::string_view method) { return EqualNoCase(word, method); });
}

bool IsPath(std::string_view target) {
  return target.starts_with('/') || StartsNoCase(target, "http");
}

struct RequestParts {
  std::string_view method;
  std::string_view target;
  std::string_view version;  // empty when the line has none
};

RequestParts SplitRequest(std::string_view line) {
  RequestParts parts;
  line = Trim(line, kWhitespace);
  const size_t method_end = std::min(line.find_first_of(kBlanks), line.size());
  parts.method = line.substr(0, method_end);
  parts.target = Trim(line.substr(method_end), kBlanks);
  const size_t last = parts.target.find_last_of(kBlanks);
  const std::string_view word = parts.target.substr(last == std::string_view::npos ? 0 : last + 1);
  if (StartsNoCase(word, "HTTP/")) {
    parts.version = word;
    parts.target.remove_suffix(word.size());
    parts.target = Trim(parts.target, kBlanks);
  }
  return parts;
}

// The authority of "scheme://user@host:port/path", without the user; empty for another form.
std::string_view AuthorityOf(std::string_view target) {
  const size_t colon = target.find("://");
  if (colon == std::string_view::npos || colon == 0) return {};
  const std::string_view scheme = target.substr(0, colon);
  if (!std::all_of(scheme.begin(), scheme.end(), IsTokenChar)) return {};
  std::string_view authority = target.substr(colon + 3);
  authority = authority.substr(0, authority.find_first_of("/?#\\"));
  const size_t at = authority.rfind('@');
  return at == std::string_view::npos ? authority : authority.substr(at + 1);
}

bool IsHostHeader(std::string_view line) {
  return EqualNoCase(Trim(line.substr(0, line.find(':')), kWhitespace), "host");
}

// Does what may be the start of a request line say otherwise before the line is whole?
bool LooksForeign(std::string_view text) {
  const auto foreign = [](char c) {
    return static_cast<uint8_t>(c) < ' ' && kWhitespace.find(c) == std::string_view::npos;
  };
  text = TrimLeft(text, kWhitespace);
  const auto method_end = std::find_if_not(text.begin(), text.end(), IsTokenChar);
  if (method_end - text.begin() > static_cast<ptrdiff_t>(kMethodBytesMax)) return true;
  if (method_end == text.end()) return false;
  if (method_end == text.begin() || kBlanks.find(*method_end) == std::string_view::npos)
    return true;
  // What is a request for sure stays one, whatever its path holds.
  const std::string_view method(text.begin(), method_end);
  if (IsKnownMethod(method) && IsPath(TrimLeft({method_end, text.end()}, kBlanks))) return false;
  return std::any_of(text.begin(), text.end(), foreign);
}

// Where the line that begins `text` ends, with its LF; a header's folded lines (RFC 9112 §5.2)
// belong to it, so its end shows only with the byte behind. npos: not yet to be seen.
size_t LineEnd(std::string_view text, bool may_fold) {
  size_t end = 0;
  do {
    end = text.find('\n', end);
    if (end == std::string_view::npos) return end;
    ++end;
    const bool empty = text.find_first_not_of("\r") == end - 1;
    if (!may_fold || empty) return end;
    if (end == text.size()) return std::string_view::npos;
  } while (kBlanks.find(text[end]) != std::string_view::npos);
  return end;
}

}  // namespace

Outcome HttpRequests::Recognise(std::span<const uint8_t> stream) {
  const std::string_view text =
      TrimLeft(AsText(stream.first(std::min(stream.size(), kHttpLineBytesMax))), kWhitespace);
  const std::string_view preface = text.substr(0, kHttp2Preface.size());
  if (!preface.empty() && kHttp2Preface.starts_with(preface)) {
    return preface.size() == kHttp2Preface.size() ? Outcome::kNone : Outcome::kNeedMore;
  }
  const std::string_view line = text.substr(0, text.find('\n'));
  if (LooksForeign(line)) return Outcome::kNotThis;
  const bool full = stream.size() >= kHttpLineBytesMax;
  const RequestParts parts = SplitRequest(line);
  const bool known = IsKnownMethod(parts.method);
  const bool path = IsPath(parts.target);
  if (known && path) return Outcome::kFound;
  if (text.find('\n') == std::string_view::npos)
    return full ? Outcome::kNotThis : Outcome::kNeedMore;
  return parts.version.empty() ? Outcome::kNotThis : Outcome::kFound;
}

HttpStep HttpRequests::Consume(std::span<const uint8_t> stream, NameSink& sink) {
  HttpStep total;
  std::string_view text = AsText(stream);
  const uint32_t told_before = names_ + requests_;
  while (!text.empty()) {
    HttpStep step;
    if (phase_ == Phase::kBody) {
      step = ConsumeBody(text, sink);
    } else if (phase_ == Phase::kSkipLine) {
      step = ConsumeSkipped(text, sink);
    } else {
      step = ConsumeLine(text, sink);
    }
    total.consumed += step.consumed;
    total.outcome = step.outcome;
    if (step.outcome != Outcome::kNeedMore || step.consumed == 0) break;
    text.remove_prefix(step.consumed);
    total.paused = names_ + requests_ - told_before >= kHttpToldMax && !text.empty();
    if (total.paused) break;
  }
  return total;
}

HttpStep HttpRequests::ConsumeBody(std::string_view text, NameSink& sink) {
  const size_t taken = TakeBody(text.size());
  sink.OnHttpText(HttpPart::kBody, text.substr(0, taken), is_chunked_ || body_left_ > 0);
  return {Outcome::kNeedMore, taken};
}

size_t HttpRequests::TakeBody(uint64_t available) {
  const size_t taken = std::min<uint64_t>(body_left_, available);
  body_left_ -= taken;
  if (body_left_ == 0) phase_ = is_chunked_ ? Phase::kChunkEnd : Phase::kStart;
  return taken;
}

HttpStep HttpRequests::ConsumeSkipped(std::string_view text, NameSink& sink) {
  const size_t line_feed = text.find('\n');
  const bool ends = line_feed != std::string_view::npos;
  const size_t taken = ends ? line_feed + 1 : text.size();
  sink.OnHttpText(HttpPart::kHeader, text.substr(0, taken), !ends);
  if (ends) phase_ = Phase::kHeaders;
  header_bytes_ += static_cast<uint32_t>(std::min(taken, kHttpHeaderBytesMax));
  return {header_bytes_ > kHttpHeaderBytesMax ? Outcome::kTooLong : Outcome::kNeedMore, taken};
}

HttpStep HttpRequests::LongLine(std::string_view text, NameSink& sink) {
  if (phase_ != Phase::kHeaders || IsHostHeader(text)) return {Outcome::kTooLong, 0};
  phase_ = Phase::kSkipLine;
  return ConsumeSkipped(text, sink);
}

HttpStep HttpRequests::ConsumeLine(std::string_view text, NameSink& sink) {
  const std::string_view window = text.substr(0, kHttpLineBytesMax);
  const size_t end = LineEnd(window, phase_ == Phase::kHeaders);
  if (end == std::string_view::npos) {
    if (window.size() >= kHttpLineBytesMax) return LongLine(text, sink);
    const bool other = phase_ == Phase::kStart && LooksForeign(window);
    return {other ? Outcome::kNotThis : Outcome::kNeedMore, 0};
  }
  std::string_view line = window.substr(0, end - 1);
  while (line.ends_with('\r')) line.remove_suffix(1);
  const Outcome outcome = TakeLine(line, sink);
  if (outcome == Outcome::kNotThis) return {outcome, 0};
  header_bytes_ += static_cast<uint32_t>(end);
  const bool over = phase_ == Phase::kHeaders && header_bytes_ > kHttpHeaderBytesMax;
  return {over && outcome == Outcome::kNeedMore ? Outcome::kTooLong : outcome, end};
}

Outcome HttpRequests::TakeLine(std::string_view line, NameSink& sink) {
  switch (phase_) {
    case Phase::kStart:
      return Trim(line, kBlanks).empty() ? Outcome::kNeedMore : RequestLine(line, sink);
    case Phase::kHeaders:
      return line.empty() ? EndHeaders(sink) : HeaderLine(line, sink);
    case Phase::kChunkSize:
      return ChunkSize(line, sink);
    case Phase::kChunkEnd:
      phase_ = Phase::kChunkSize;
      return line.empty() ? Outcome::kNeedMore : Outcome::kMalformed;
    case Phase::kTrailers:
      if (line.empty()) {
        phase_ = Phase::kStart;
      } else {
        sink.OnHttpText(HttpPart::kHeader, line, false);
      }
      return Outcome::kNeedMore;
    case Phase::kSkipLine:
    case Phase::kBody:
      break;  // not read by lines
  }
  return Outcome::kMalformed;
}

Outcome HttpRequests::RequestLine(std::string_view line, NameSink& sink) {
  const RequestParts parts = SplitRequest(line);
  const bool known = IsKnownMethod(parts.method);
  const bool path = IsPath(parts.target);
  if (LooksForeign(line) || (parts.version.empty() && !(known && path))) return Outcome::kNotThis;
  header_bytes_ = 0;
  body_left_ = 0;
  is_chunked_ = false;
  has_length_ = false;
  is_connect_ = EqualNoCase(parts.method, "CONNECT");
  phase_ = Phase::kHeaders;
  sink.OnHttpRequest();
  sink.OnHttpText(HttpPart::kUrl, parts.target, false);
  std::string_view authority = AuthorityOf(parts.target);
  if (is_connect_ && authority.empty()) authority = parts.target;
  uri_has_host_ = !authority.empty();
  if (uri_has_host_) Tell(authority, sink);
  return Outcome::kNeedMore;
}

Outcome HttpRequests::HeaderLine(std::string_view line, NameSink& sink) {
  sink.OnHttpText(HttpPart::kHeader, line, false);
  const size_t colon = line.find(':');
  if (colon == std::string_view::npos) return Outcome::kNeedMore;
  const std::string_view name = Trim(line.substr(0, colon), kWhitespace);
  std::string_view value = Trim(line.substr(colon + 1), kWhitespace);
  if (EqualNoCase(name, "host") && !uri_has_host_) {
    // A value with blanks inside is no host; servers that take a part of it take a word.
    for (uint32_t words = 0; !value.empty() && words < kHttpHostWordsMax; ++words) {
      const size_t word_end = std::min(value.find_first_of(kWhitespace), value.size());
      Tell(value.substr(0, word_end), sink);
      value = TrimLeft(value.substr(word_end), kWhitespace);
    }
  } else if (EqualNoCase(name, "content-length")) {
    return ContentLength(value);
  } else if (EqualNoCase(name, "transfer-encoding")) {
    is_chunked_ =
        is_chunked_ || EqualNoCase(value.substr(value.find_last_of(" \t,") + 1), "chunked");
  }
  return Outcome::kNeedMore;
}

Outcome HttpRequests::ContentLength(std::string_view value) {
  uint64_t length = 0;
  const auto [end, fault] = std::from_chars(value.data(), value.data() + value.size(), length);
  if (fault != std::errc() || end != value.data() + value.size()) return Outcome::kMalformed;
  if (has_length_ && length != body_left_) return Outcome::kMalformed;
  has_length_ = true;
  body_left_ = length;
  return Outcome::kNeedMore;
}

Outcome HttpRequests::EndHeaders(NameSink& sink) {
  ++requests_;
  sink.OnHttpHeaderEnd();
  if (is_connect_) {
    phase_ = Phase::kStart;
    return Outcome::kNone;
  }
  phase_ = is_chunked_ ? Phase::kChunkSize : body_left_ > 0 ? Phase::kBody : Phase::kStart;
  return Outcome::kNeedMore;
}

Outcome HttpRequests::ChunkSize(std::string_view line, NameSink& sink) {
  line = Trim(line.substr(0, line.find(';')), kBlanks);
  uint64_t size = 0;
  const auto [end, fault] = std::from_chars(line.data(), line.data() + line.size(), size, 16);
  if (fault != std::errc() || end != line.data() + line.size()) return Outcome::kMalformed;
  body_left_ = size;
  phase_ = size > 0 ? Phase::kBody : Phase::kTrailers;
  if (size == 0) sink.OnHttpText(HttpPart::kBody, {}, false);
  return Outcome::kNeedMore;
}

void HttpRequests::Tell(std::string_view host, NameSink& sink) {
  HostName name;
  if (!NormaliseHost(host, name)) {
    ++invalid_names_;
    return;
  }
  ++names_;
  sink.OnName(name, Source::kHttpHost);
}

}  // namespace weir::names
