// nDPI's header, and the places where its versions differ, in one file.
//
// Written for 4.2, the version of Debian 12; 4.4 to 4.8 differ only in what is named here.
// From 4.10 on the protocol structure is another one: a build against it stops with a sentence, not
// in the middle.
#pragma once

#include <ndpi/ndpi_api.h>
#include <ndpi/ndpi_main.h>

#include <cstdint>

#if NDPI_MAJOR != 4 || NDPI_MINOR < 2 || NDPI_MINOR > 8
#error "Weir knows the interface of nDPI 4.2 to 4.8: extend dataplane/classify/ndpi_api.h"
#endif

namespace weir::classify::ndpi {

using Module = ndpi_detection_module_struct;
using Flow = ndpi_flow_struct;

inline ndpi_protocol ProcessPacket(Module* module, Flow* flow, const uint8_t* ip_packet,
                                   uint16_t bytes, uint64_t time_ms) {
#if NDPI_MINOR >= 6
  return ndpi_detection_process_packet(module, flow, ip_packet, bytes, time_ms, nullptr);
#else
  return ndpi_detection_process_packet(module, flow, ip_packet, bytes, time_ms);
#endif
}

// The best guess, by port and address where the payload said nothing.
inline ndpi_protocol GiveUp(Module* module, Flow* flow) {
  uint8_t was_guessed = 0;
  return ndpi_detection_giveup(module, flow, 1, &was_guessed);
}

}  // namespace weir::classify::ndpi
