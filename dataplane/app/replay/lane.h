// One worker as weir-dataplane would run it: classifier, pipeline, and where its events go.
//
// All lanes run on the one thread of weir-replay, in the order of the packets, so that the result
// is always the same.
#pragma once

#include <memory>
#include <string>

#include "dataplane/app/replay/options.h"
#include "dataplane/app/replay/record_keeper.h"
#include "dataplane/base/result.h"
#include "dataplane/base/time.h"
#include "dataplane/classify/ndpi_classifier.h"
#include "dataplane/packet/packet.h"
#include "dataplane/pipeline/pipeline.h"

namespace weir::replay {

class Lane {
 public:
  static base::Result<std::unique_ptr<Lane>> Create(
      const Options& options, unsigned index, std::shared_ptr<const classify::NdpiNames> names);

  // One packet, marked by the pipeline on return; answers are in outbox(), which the caller clears.
  packet::Packet& Process(const packet::Packet& packet, const rules::CompiledPolicy& policy,
                          int64_t wall_minus_mono_ns);
  // Expiry up to `now`: as much as a worker would have done since the last call.
  void Tick(base::MonoTime now, const rules::CompiledPolicy& policy, int64_t wall_minus_mono_ns);
  // For the packets to come; valid as long as their policy.
  void Know(const identity::IdentityTable& identities) {
    pipeline_->set_identities(&identities, nullptr);
  }
  void CloseAll() { pipeline_->CloseAll(events::EndReason::kShutdown); }

  respond::Outbox& outbox() { return pipeline_->outbox(); }
  RecordKeeper& keeper() { return keeper_; }
  const RecordKeeper& keeper() const { return keeper_; }
  const pipeline::Pipeline& pipeline() const { return *pipeline_; }
  const classify::NdpiClassifier& classifier() const { return *classifier_; }

 private:
  Lane(const Options& options, std::unique_ptr<classify::NdpiClassifier> classifier);

  RecordKeeper keeper_;
  std::unique_ptr<classify::NdpiClassifier> classifier_;
  std::unique_ptr<pipeline::Pipeline> pipeline_;  // uses the two above
  packet::Batch batch_;
  base::MonoTime ticked_;
  unsigned packets_since_tick_ = 0;
};

}  // namespace weir::replay
