// From a flow to the events that tell of it.
//
// The whole record is written every time (a snapshot, see events/event.h). Worker's thread.
#pragma once

#include <array>
#include <string_view>

#include "dataplane/events/event.h"
#include "dataplane/pipeline/worker.h"
#include "rules/compile/compiled_policy.h"

namespace weir::pipeline {

class SessionWriter {
 public:
  explicit SessionWriter(Worker& worker) : worker_(worker) {}

  // The flow as it stands. The strings live until the next call, or until the flow changes.
  events::SessionEvent Describe(flow::FlowIndex index, const Now& now);

  // Announced, named, decided; `loss_class` kDetail for a mere refresh.
  void WriteOpen(flow::FlowIndex index, const Now& now, events::LossClass loss_class);
  void WriteClosed(flow::FlowIndex index, const Now& now, events::EndReason reason);

  // A rule with a class decided about the flow, for `name` where it asked for one. The record may
  // tell of another, graver decision.
  struct Hit {
    events::Verdict verdict = events::Verdict::kPass;
    std::string_view name;
  };
  void WriteFinding(flow::FlowIndex index, const Now& now, const rules::RuleInfo& rule,
                    const Hit& hit);

 private:
  void Push(flow::FlowIndex index, events::SessionEvent& event, events::LossClass loss_class);

  Worker& worker_;
  std::array<char, flow::StringPool::kStringBytesMax> name_;
  std::array<char, flow::StringPool::kStringBytesMax> rule_;
  std::array<uint8_t, events::kEncodedBytesMax> encoded_;
};

}  // namespace weir::pipeline
