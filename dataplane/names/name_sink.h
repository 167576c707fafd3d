// Where the finders put what they find.
#pragma once

#include <cstdint>
#include <string_view>

#include "dataplane/names/name.h"
#include "dataplane/names/tls_client_hello.h"

namespace weir::names {

enum class HttpPart : uint8_t {
  kUrl,     // the request target, as it was sent
  kHeader,  // a line of the header or of the trailers
  kBody,    // without the framing of chunks
};

// Called from within Consume, in the order in which things stand in the stream, on the same thread.
class NameSink {
 public:
  virtual ~NameSink() = default;

  virtual void OnName(const HostName& name, Source source) = 0;

  // A whole ClientHello, before its names; `source` is kTlsSni or kQuicSni. For fingerprints and
  // records. The hello's spans are good until this returns.
  virtual void OnClientHello(const ClientHello& hello, Source source) {
    static_cast<void>(hello);
    static_cast<void>(source);
  }

  // HTTP/1: a request begins; its names and texts follow, and the end of its header.
  virtual void OnHttpRequest() {}
  virtual void OnHttpHeaderEnd() {}
  // A piece of a request's text; `more`: the part goes on with the next piece. Of a body only what
  // is not passed over. The text is good until this returns.
  virtual void OnHttpText(HttpPart part, std::string_view text, bool more) {
    static_cast<void>(part);
    static_cast<void>(text);
    static_cast<void>(more);
  }
};

}  // namespace weir::names
