// Whether a glance at a frame says what Parse() says, and makes the same key of it.
#pragma once

#include <string>

#include "dataplane/flow/flow_key.h"
#include "dataplane/parse/glance.h"
#include "dataplane/parse/parse.h"

namespace weir::testing {

// What of it differs; "" when nothing does, or the glance says nothing. `said`: whether it did.
inline std::string GlanceDiffers(packet::Packet packet, bool& said) {
  parse::Glance glance;
  said = parse::LookAt(packet, [&](const parse::Glance& seen) { glance = seen; });
  if (!said) return "";
  parse::Parse(packet);
  const packet::Headers& headers = packet.headers;
  const bool plain = headers.note == packet::ParseNote::kComplete && headers.tunnel_depth == 0 &&
                     !headers.too_deep && !headers.encapsulated && !headers.is_fragment;
  if (!plain) return "it is not plain";
  const bool same_ends =
      headers.src_port == glance.src_port() && headers.dst_port == glance.dst_port();
  if (!same_ends) return "ports";
  if (headers.ip_protocol != glance.protocol) return "protocol";
  if (headers.tcp_flags != glance.tcp_flags) return "flags";
  if (packet.data + headers.payload_offset != glance.payload) return "payload's offset";
  if (headers.payload_bytes != glance.payload_bytes) return "payload's length";
  if (headers.wire_ip_bytes != glance.ip_bytes) return "datagram's length";
  const flow::KeyAndSender parsed = flow::MakeKey(headers, headers.src_port, headers.dst_port);
  const flow::KeyAndSender glanced = flow::MakeKey(glance);
  if (!(parsed.key == glanced.key)) return "key";
  return parsed.sender == glanced.sender ? "" : "sender";
}

}  // namespace weir::testing
