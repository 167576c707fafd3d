// Hands findings and health from the store to their consumers, page by page, by their numbers.
//
// The ingest's thread. A consumer that refuses is asked again later; the others go on.
#pragma once

#include <functional>
#include <string_view>
#include <vector>

#include "control/audit/session_store.h"
#include "control/ingest/arena.h"
#include "control/ingest/consumer.h"
#include "dataplane/base/time.h"

namespace weir::control::ingest {

class Delivery {
 public:
  using Log = std::function<void(std::string_view)>;

  Delivery(audit::SessionStore& store, Log log) : store_(store), log_(std::move(log)) {}

  void Add(FindingConsumer& consumer) { findings_.push_back({&consumer}); }
  void Add(HealthConsumer& consumer) { health_.push_back({&consumer}); }

  // There may be something new in the store.
  void Notify();

  // Hands on what there is. True when every consumer has everything.
  bool Run(base::MonoTime now);

  uint64_t failures() const { return failures_; }

 private:
  template <typename Consumer>
  struct Line {
    Consumer* consumer;
    bool behind = true;  // the store may hold what the consumer has not
    bool failing = false;
    base::MonoTime retry_at{};
  };

  template <typename Consumer>
  bool RunLine(Line<Consumer>& line, base::MonoTime now);
  base::Result<bool> Page(FindingConsumer& consumer);
  base::Result<bool> Page(HealthConsumer& consumer);

  audit::SessionStore& store_;
  const Log log_;
  std::vector<Line<FindingConsumer>> findings_;
  std::vector<Line<HealthConsumer>> health_;
  Arena arena_;
  uint64_t failures_ = 0;
};

}  // namespace weir::control::ingest
