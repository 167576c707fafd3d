// What one worker needs to find names: cryptography, scratch memory, and places for QUIC connection
// attempts whose ClientHello is not whole yet. Made at start; nothing here allocates afterwards.
//
// One worker's; not shared. Finders borrow it for the length of a call.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "dataplane/base/result.h"
#include "dataplane/names/crypto.h"
#include "dataplane/names/quic_initial.h"
#include "dataplane/names/tls_client_hello.h"

namespace weir::names {

// A place lent to a flow. It may be taken away at any time (see QuicAttempts), so a flow that ends
// need not give it back.
struct QuicLease {
  uint32_t slot = 0;
  uint32_t generation = 0;  // 0: no lease
};

// Attempts whose hello came, or comes, in several datagrams; a fixed number. One that has settled
// is kept to be compared with what may come. When all places are in use, a settled one gives way,
// if half the pool has been lent since; else the one lent longest ago, whichever it is. So a flood
// of unfinished attempts shortens how long an attempt may take and is remembered, and can neither
// fill the pool for good nor leak from it. A hello within one datagram never needs a place.
class QuicAttempts {
 public:
  explicit QuicAttempts(size_t places);

  QuicLease Lend();
  QuicInitial* Find(QuicLease lease);                  // null when the place was taken away
  void Settle(QuicLease lease);                        // its place may go before those of others
  uint64_t taken_away() const { return taken_away_; }  // attempts that lost their place unsettled

 private:
  // Places in a ring by when they came into it; the ring's own node stands behind them all.
  struct Node {
    uint32_t before = 0;
    uint32_t behind = 0;
  };
  uint32_t FreeRing() const { return static_cast<uint32_t>(places_.size()); }
  uint32_t LentRing() const { return FreeRing() + 1; }
  uint32_t SettledRing() const { return FreeRing() + 2; }
  uint32_t ToGiveWay();
  void Append(uint32_t ring, uint32_t slot);
  void Remove(uint32_t slot);

  std::vector<QuicInitial> places_;
  std::vector<uint32_t> generations_;  // how often each place was lent
  std::vector<uint64_t> lent_at_;      // the number of the lending
  std::vector<Node> nodes_;            // of each place, and of the rings: free, lent, settled
  uint64_t lendings_ = 0;
  uint64_t taken_away_ = 0;
};

class NameContext {
 public:
  static constexpr size_t kQuicPlacesDefault = 256;  // 4.6 MB

  // Fails when libcrypto lacks what Crypto needs.
  static base::Result<std::unique_ptr<NameContext>> Create(size_t quic_places = kQuicPlacesDefault);

  Crypto& crypto() { return *crypto_; }
  QuicTools quic_tools() { return {*crypto_, plain_}; }
  HandshakeBuffer& handshake() { return handshake_; }
  QuicInitial& fresh_attempt() { return fresh_attempt_; }
  QuicAttempts& attempts() { return attempts_; }

 private:
  NameContext(std::unique_ptr<Crypto> crypto, size_t quic_places);

  std::unique_ptr<Crypto> crypto_;
  QuicAttempts attempts_;
  QuicInitial fresh_attempt_;
  HandshakeBuffer handshake_;
  PlainBuffer plain_;
};

}  // namespace weir::names
