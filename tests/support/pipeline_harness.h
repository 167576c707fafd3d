// A pipeline on a bench: frames go in, what became of them comes out, and the events are kept.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "dataplane/events/lease_event.h"
#include "dataplane/pipeline/pipeline.h"
#include "rules/compile/compile.h"
#include "tests/support/packet_builder.h"

namespace weir::testing {

// A session or finding with strings of its own.
struct SeenSession {
  events::SessionEvent event;
  std::string name;
  std::string app;
  std::string rule;
};
struct SeenFinding {
  events::FindingEvent event;
  std::string rule;
  std::string rule_class;
  std::string name;
};

struct SeenLease {
  events::LeaseEvent event;
  std::string client_id;
  std::string circuit;
};
struct SeenHealth {
  events::HealthEvent event;
  std::string detail;
};

class EventRecorder final : public events::EventSink {
 public:
  bool Push(events::EventType type, events::LossClass loss_class,
            std::span<const uint8_t> encoded) override;

  // The newest revision of each part, by session and part.
  const std::map<std::pair<uint64_t, uint32_t>, SeenSession>& sessions() const { return sessions_; }
  const std::vector<SeenFinding>& findings() const { return findings_; }
  const std::vector<SeenLease>& leases() const { return leases_; }
  const std::vector<SeenHealth>& health() const { return health_; }
  size_t session_events() const { return session_events_; }
  // Forgets what was seen, for benches that serve many cases.
  void Clear();

 private:
  std::map<std::pair<uint64_t, uint32_t>, SeenSession> sessions_;
  std::vector<SeenFinding> findings_;
  std::vector<SeenLease> leases_;
  std::vector<SeenHealth> health_;
  size_t session_events_ = 0;
};

// Labels every flow as what a test says, after so many packets.
class ScriptedClassifier final : public classify::Classifier {
 public:
  classify::Label label;
  unsigned final_after_packets = 1;

  classify::Slot Open() override;
  classify::Answer Submit(classify::Slot slot, const packet::Packet& packet,
                          bool from_initiator) override;
  classify::Label GiveUp(classify::Slot slot) override;
  void Close(classify::Slot slot) override;
  std::string_view AppName(const classify::Label& label) const override;
  std::string_view CategoryName(const classify::Label& label) const override;
  const classify::ClassifierCounters& counters() const override { return counters_; }
  size_t open_slots() const { return packets_.size(); }

 private:
  std::map<classify::Slot, unsigned> packets_;
  classify::Slot next_ = 0;
  classify::ClassifierCounters counters_;
};

class PipelineHarness {
 public:
  explicit PipelineHarness(const std::string& rules = "",
                           const pipeline::Options& options = DefaultOptions());
  static pipeline::Options DefaultOptions();

  // A new version of the policy; throws std::invalid_argument with the parser's words when it is
  // bad.
  void Install(const std::string& rules,
               rules::UnknownAddress unknown = rules::UnknownAddress::kAllow);
  // Whose addresses and prefixes are told to the pipeline, as the appliance does: the same policy,
  // a new table, and those that changed to look for. "" for nobody. Install() afterwards forgets
  // them.
  void SetAccounts(const std::map<std::string, std::string>& changes);
  // All flows are to be judged again, whatever their addresses.
  void RecheckEverything();
  void Advance(double seconds);

  // One frame by itself; true when it is forwarded. `wire_bytes`: more than the frame has where a
  // capture cut it; 0: it did not.
  bool Send(const Bytes& frame, packet::Side from, size_t wire_bytes = 0);
  // The same frame so many times at one moment, in full batches; how many are forwarded.
  uint64_t SendMany(Bytes frame, packet::Side from, uint64_t times);
  bool FromInside(const PacketBuilder& builder) {
    return Send(builder.Build(), packet::Side::kInside);
  }
  bool FromOutside(const PacketBuilder& builder) {
    return Send(builder.Build(), packet::Side::kOutside);
  }
  void Tick(unsigned times = 1);
  void CloseAll() { pipeline_->CloseAll(events::EndReason::kShutdown); }

  // Frames that Weir made since the last Send().
  const std::vector<respond::OutFrame>& answers() const { return answers_; }
  packet::DropReason last_reason() const { return last_reason_; }
  // The frame of the last Send() as it left the pipeline.
  const Bytes& last_frame() const { return last_frame_; }
  const EventRecorder& events() const { return events_; }
  void ClearEvents() { events_.Clear(); }
  // The only session there is; fails the test when there are none or several.
  const SeenSession& session() const;
  pipeline::Pipeline& pipeline() { return *pipeline_; }
  ScriptedClassifier& classifier() { return classifier_; }

 private:
  void TellIdentities();

  ScriptedClassifier classifier_;
  EventRecorder events_;
  std::shared_ptr<const rules::CompiledPolicy> policy_;
  identity::IdentityTablePtr identities_;
  // Kept: a walk may go on for several ticks.
  std::vector<std::shared_ptr<const identity::ChangedAddresses>> changed_;
  std::unique_ptr<pipeline::Pipeline> pipeline_;
  std::vector<respond::OutFrame> answers_;
  Bytes last_frame_;
  bool strips_ = false;
  packet::DropReason last_reason_ = packet::DropReason::kNone;
  base::MonoTime now_{1'000'000'000};
  uint32_t version_ = 0;
};

}  // namespace weir::testing
