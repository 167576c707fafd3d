#include "tests/support/pipeline_harness.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <stdexcept>

#include "dataplane/identity/account_resolver.h"
#include "rules/compile/compile.h"
#include "rules/model/parse.h"

namespace weir::testing {
namespace {

constexpr int64_t kWallMinusMonoNs = 1'790'000'000LL * base::kNsPerSecond;

class Catalog final : public rules::AppCatalog {
 public:
  std::optional<uint16_t> FindApp(std::string_view name) const override {
    return name == "bittorrent" || name == "BitTorrent" ? std::optional<uint16_t>(37)
                                                        : std::nullopt;
  }
  std::optional<uint16_t> FindCategory(std::string_view name) const override {
    return name == "Download" ? std::optional<uint16_t>(7) : std::nullopt;
  }
  std::vector<std::string> AppNames() const override { return {"BitTorrent"}; }
  std::vector<std::string> CategoryNames() const override { return {"Download"}; }
};

}  // namespace

bool EventRecorder::Push(events::EventType type, events::LossClass,
                         std::span<const uint8_t> encoded) {
  if (type == events::EventType::kSession) {
    const auto event = events::DecodeSession(encoded);
    if (!event) throw std::invalid_argument(event.error().message);
    ++session_events_;
    SeenSession& seen = sessions_[{event->session_id, event->part}];
    EXPECT_GT(event->revision, seen.event.revision);
    seen = {*event, std::string(event->name), std::string(event->app), std::string(event->rule)};
  } else if (type == events::EventType::kFinding) {
    const auto event = events::DecodeFinding(encoded);
    if (!event) throw std::invalid_argument(event.error().message);
    findings_.push_back({*event, std::string(event->rule), std::string(event->rule_class),
                         std::string(event->name)});
  } else if (type == events::EventType::kLease) {
    const auto event = events::DecodeLease(encoded);
    if (!event) throw std::invalid_argument(event.error().message);
    leases_.push_back({*event, std::string(event->client_id), std::string(event->circuit)});
  } else {
    const auto event = events::DecodeHealth(encoded);
    if (!event) throw std::invalid_argument(event.error().message);
    health_.push_back({*event, std::string(event->detail)});
  }
  return true;
}

void EventRecorder::Clear() {
  sessions_.clear();
  findings_.clear();
  leases_.clear();
  health_.clear();
  session_events_ = 0;
}

classify::Slot ScriptedClassifier::Open() {
  packets_[next_] = 0;
  return next_++;
}

classify::Answer ScriptedClassifier::Submit(classify::Slot slot, const packet::Packet&, bool) {
  const bool final = ++packets_.at(slot) >= final_after_packets;
  return {final ? label : classify::Label(), final};
}

classify::Label ScriptedClassifier::GiveUp(classify::Slot slot) {
  static_cast<void>(packets_.at(slot));
  return {};
}

void ScriptedClassifier::Close(classify::Slot slot) {
  if (packets_.erase(slot) != 1) throw std::logic_error("a slot closed twice");
}

std::string_view ScriptedClassifier::AppName(const classify::Label& of) const {
  return of.known() ? "BitTorrent" : "";
}

std::string_view ScriptedClassifier::CategoryName(const classify::Label& of) const {
  return of.known() ? "Download" : "";
}

pipeline::Options PipelineHarness::DefaultOptions() {
  pipeline::Options options;
  options.flow_limits.flows_max = 1000;
  options.stream_buffers_max = 8;
  return options;
}

PipelineHarness::PipelineHarness(const std::string& rules, const pipeline::Options& options)
    : strips_(options.strip_ech) {
  Install(rules);
  auto made = pipeline::Pipeline::Create(options, classifier_, events_);
  if (!made) throw std::runtime_error(made.error().message);
  pipeline_ = std::move(made).value();
}

void PipelineHarness::Install(const std::string& text, rules::UnknownAddress unknown) {
  const rules::PolicySource source{"test.rules", text};
  const auto parsed = rules::ParsePolicy({&source, 1});
  if (!parsed) throw std::invalid_argument(parsed.error().message);
  static const Catalog catalog;
  rules::CompileOptions options;
  options.version = ++version_;
  options.apps = &catalog;
  options.unknown = unknown;
  const auto compiled = rules::Compile(*parsed, options);
  if (!compiled) throw std::invalid_argument(compiled.error().message);
  policy_ = *compiled;
  identities_ = std::make_shared<const identity::IdentityTable>(base::HashKey{1, 2}, true);
}

void PipelineHarness::SetAccounts(const std::map<std::string, std::string>& changes) {
  identity::AccountResolver resolver(policy_->parts().accounts);
  std::vector<identity::IdentityTable::Change> table_changes;
  std::vector<base::IpPrefix> prefixes;
  for (const auto& [text, account] : changes) {
    prefixes.push_back(*base::IpPrefix::Parse(text));
    table_changes.push_back({prefixes.back(), account.empty() ? nullptr : resolver.Get(account)});
  }
  identities_ = identities_->With(table_changes, true);
  changed_.push_back(
      std::make_shared<const identity::ChangedAddresses>(changed_.size() + 1, prefixes));
  TellIdentities();
}

void PipelineHarness::RecheckEverything() {
  changed_.push_back(std::make_shared<const identity::ChangedAddresses>(changed_.size() + 1));
  TellIdentities();
}

// Before every piece of work, as a worker does in each round.
void PipelineHarness::TellIdentities() {
  pipeline_->set_identities(identities_.get(), changed_.empty() ? nullptr : changed_.back().get());
}

void PipelineHarness::Advance(double seconds) {
  now_.ns += static_cast<int64_t>(seconds * static_cast<double>(base::kNsPerSecond));
}

bool PipelineHarness::Send(const Bytes& frame, packet::Side from, size_t wire_bytes) {
  Bytes bytes = frame;
  packet::Batch batch;
  batch.count = 1;
  packet::Packet& packet = batch.packets[0];
  packet.data = bytes.data();
  packet.captured_bytes = static_cast<uint32_t>(bytes.size());
  packet.wire_bytes = static_cast<uint32_t>(wire_bytes == 0 ? bytes.size() : wire_bytes);
  packet.rx_side = from;
  packet.time = now_;
  TellIdentities();
  pipeline_->Process(batch, *policy_, kWallMinusMonoNs);
  if (!strips_) {
    EXPECT_EQ(bytes, frame) << "the pipeline changed a frame";
  }
  last_frame_ = std::move(bytes);
  const auto made = pipeline_->outbox().frames();
  answers_.assign(made.begin(), made.end());
  pipeline_->outbox().Clear();
  last_reason_ = packet.drop_reason;
  now_.ns += base::kNsPerMs;
  return packet.action == packet::Action::kForward;
}

uint64_t PipelineHarness::SendMany(Bytes frame, packet::Side from, uint64_t times) {
  packet::Batch batch;
  uint64_t forwarded = 0;
  TellIdentities();
  for (uint64_t left = times; left > 0; left -= batch.count) {
    batch.count = std::min<uint64_t>(packet::kBatchMax, left);
    for (packet::Packet& packet : batch.filled()) {
      packet.data = frame.data();
      packet.captured_bytes = packet.wire_bytes = static_cast<uint32_t>(frame.size());
      packet.rx_side = from;
      packet.time = now_;
      packet.action = packet::Action::kForward;
    }
    pipeline_->Process(batch, *policy_, kWallMinusMonoNs);
    forwarded += static_cast<uint64_t>(
        std::ranges::count(batch.filled(), packet::Action::kForward, &packet::Packet::action));
  }
  return forwarded;
}

void PipelineHarness::Tick(unsigned times) {
  for (unsigned i = 0; i < times; ++i) {
    TellIdentities();
    pipeline_->Tick(now_, *policy_, kWallMinusMonoNs);
  }
}

const SeenSession& PipelineHarness::session() const {
  if (events_.sessions().size() != 1) {
    throw std::logic_error(std::to_string(events_.sessions().size()) + " sessions, not one");
  }
  return events_.sessions().begin()->second;
}

}  // namespace weir::testing
