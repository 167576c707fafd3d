// A worker's event sink that can be told to wait for room instead of losing events.
//
// While packets flow a full ring loses events, counted. At shutdown the worker has nothing else to
// do, the main thread drains, and every session is to be closed in the record: then it waits.
// Worker's thread only.
#pragma once

#include <span>
#include <thread>

#include "dataplane/base/time.h"
#include "dataplane/events/event_ring.h"

namespace weir::appliance {

class PatientSink final : public events::EventSink {
 public:
  PatientSink(events::EventRing& ring, events::RingEventSink& sink) : ring_(ring), sink_(sink) {}

  // From now on Push() waits for room until `deadline`.
  void WaitUntil(base::MonoTime deadline) { deadline_ = deadline; }

  bool Push(events::EventType type, events::LossClass loss_class,
            std::span<const uint8_t> encoded) override {
    while (deadline_.ns != 0 && ring_.used_bytes() > ring_.capacity_bytes() / 2 &&
           base::MonoNow() < deadline_) {
      std::this_thread::sleep_for(std::chrono::microseconds(100));
    }
    return sink_.Push(type, loss_class, encoded);
  }

 private:
  events::EventRing& ring_;
  events::RingEventSink& sink_;
  base::MonoTime deadline_;  // zero: does not wait, and does not look at the clock
};

}  // namespace weir::appliance
