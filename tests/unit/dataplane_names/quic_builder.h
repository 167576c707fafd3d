// A QUIC client's packets, sealed as RFC 9001 §5 has it, for the tests of names/.
#pragma once

#include <cstdint>
#include <initializer_list>
#include <span>
#include <string_view>

#include "dataplane/names/crypto.h"
#include "hello_builder.h"

namespace weir::names::testing {

inline constexpr uint32_t kQuicV1 = 0x00000001;
inline constexpr uint32_t kQuicV2 = 0x6b3343cf;

Bytes Varint(uint64_t value);
Bytes CryptoFrame(size_t offset, std::span<const uint8_t> data);
// The part of `hello` that begins at `offset`, as a frame.
Bytes CryptoPart(const Bytes& hello, size_t offset, size_t bytes);

struct InitialSpec {
  uint32_t version = kQuicV1;
  uint32_t sealed_as = 0;  // the version whose keys and form it has, where that is another
  Bytes dcid = FromHex("8394c8f03e515708");
  Bytes key_dcid;  // what the keys come from, where that is another id
  Bytes scid;
  Bytes token;
  uint64_t number = 2;
  size_t number_bytes = 4;
  uint8_t first_byte_xor = 0;  // 0x40 to grease the fixed bit
  size_t pad_to = 0;           // whole packet, with PADDING
};

// One Initial packet holding `frames`.
Bytes SealInitial(const InitialSpec& spec, std::span<const uint8_t> frames, Crypto& crypto);

}  // namespace weir::names::testing
