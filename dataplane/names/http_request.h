// HTTP/1 requests on a client's byte stream: every request of the connection, and which host it is
// for.
//
// A worker's thread; no allocation, a few dozen bytes of state. Lines are taken off the stream one
// by one, so the caller keeps at most one line (kHttpLineBytesMax) that is not yet whole.
//
// Read as the laxest server would (RFC 9112 §2.2 and beyond): empty lines before a request, bare
// LF, any case, spaces and tabs where they do not belong, folded lines.
#pragma once

#include <cstdint>
#include <span>

#include "dataplane/names/name_sink.h"
#include "dataplane/names/outcome.h"

namespace weir::names {

// A longer request line, or Host line, ends the search; another header line so long is passed over.
inline constexpr size_t kHttpLineBytesMax = 8192;
// More than the 32 KB nginx takes at most, for a Host may stand behind them.
inline constexpr size_t kHttpHeaderBytesMax = 65536;

struct HttpStep {
  Outcome outcome = Outcome::kNeedMore;
  size_t consumed = 0;  // bytes the caller must not show again
  bool paused = false;  // kHttpToldMax was reached: the rest was not looked at yet
};

// So many hosts and ends of headers are told in one call, or up to kHttpHostWordsMax more.
inline constexpr uint32_t kHttpToldMax = 8;
// Of a Host line with blanks within; those behind are not told.
inline constexpr uint32_t kHttpHostWordsMax = 8;

class HttpRequests {
 public:
  // Does `stream` begin with an HTTP/1 request? kFound, kNotThis, or kNeedMore; kNone for the
  // preface of HTTP/2 (RFC 9113 §3.4).
  static Outcome Recognise(std::span<const uint8_t> stream);

  // Takes as much of `stream`, the bytes in order that were not consumed before, as it can, and
  // tells `sink` each host in order: the absolute URI's (then Host does not count, RFC 9112
  // §3.2.2), else every Host's, CONNECT's authority; and the text of the request.
  //   kNeedMore  all right so far
  //   kNone      a CONNECT's header ended: what follows is the tunnel's
  //   kNotThis   what follows a finished request is not HTTP
  //   kMalformed no server would go on, or what frames the body contradicts itself
  //   kTooLong   a limit
  HttpStep Consume(std::span<const uint8_t> stream, NameSink& sink);

  // How many bytes from here on belong to a body, whatever they are: they need not be shown. What
  // is passed over is not told.
  uint64_t passable() const { return phase_ == Phase::kBody ? body_left_ : 0; }
  // Passes over `count` of them.
  void Pass(uint64_t count) { TakeBody(count); }

  uint32_t requests() const { return requests_; }  // whole headers seen
  uint32_t names() const { return names_; }        // hosts told to the sink
  uint32_t invalid_names() const { return invalid_names_; }
  bool between_requests() const { return phase_ == Phase::kStart; }

 private:
  enum class Phase : uint8_t {
    kStart,
    kHeaders,
    kSkipLine,
    kBody,
    kChunkSize,
    kChunkEnd,
    kTrailers
  };

  HttpStep ConsumeBody(std::string_view text, NameSink& sink);
  size_t TakeBody(uint64_t available);
  HttpStep ConsumeSkipped(std::string_view text, NameSink& sink);
  HttpStep ConsumeLine(std::string_view text, NameSink& sink);
  HttpStep LongLine(std::string_view text, NameSink& sink);
  Outcome TakeLine(std::string_view line, NameSink& sink);
  Outcome RequestLine(std::string_view line, NameSink& sink);
  Outcome HeaderLine(std::string_view line, NameSink& sink);
  Outcome ContentLength(std::string_view value);
  Outcome EndHeaders(NameSink& sink);
  Outcome ChunkSize(std::string_view line, NameSink& sink);
  void Tell(std::string_view host, NameSink& sink);

  uint64_t body_left_ = 0;
  uint32_t header_bytes_ = 0;
  uint32_t requests_ = 0;
  uint32_t names_ = 0;
  uint32_t invalid_names_ = 0;
  Phase phase_ = Phase::kStart;
  bool uri_has_host_ = false;
  bool is_connect_ = false;
  bool is_chunked_ = false;
  bool has_length_ = false;
};

}  // namespace weir::names
