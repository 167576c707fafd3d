// Where the finders put what they find.
#pragma once

#include "dataplane/names/name.h"
#include "dataplane/names/tls_client_hello.h"

namespace weir::names {

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
};

}  // namespace weir::names
