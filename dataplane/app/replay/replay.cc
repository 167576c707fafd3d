#include "dataplane/app/replay/replay.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstdio>
#include <filesystem>

#include "dataplane/app/replay/record_files.h"
#include "dataplane/capture/link_layer.h"
#include "dataplane/spread/shares.h"

namespace weir::replay {
namespace {

// Divides packets among lanes; any fixed key does.
constexpr std::array<uint8_t, 16> kLaneSecret = {'w', 'e', 'i', 'r', ' ', 'l', 'a', 'n', 'e', 's'};

uint64_t BytesInAll(const std::vector<std::string>& files) {
  uint64_t bytes = 0;
  for (const std::string& file : files) {
    std::error_code error;
    const auto size = std::filesystem::file_size(file, error);
    if (!error) bytes += size;
  }
  return bytes;
}

packet::Packet PacketOf(const capture::CaptureRecord& record, base::MonoTime time) {
  packet::Packet packet;
  packet.data = record.frame.data();
  packet.captured_bytes = static_cast<uint32_t>(record.frame.size());
  packet.wire_bytes = record.frame_wire_bytes;
  packet.time = time;
  return packet;
}

}  // namespace

base::Result<std::unique_ptr<Replay>> Replay::Prepare(Options options) {
  std::unique_ptr<Replay> replay(new Replay(std::move(options)));
  const Options& wanted = replay->options_;
  auto names = classify::NdpiNames::Create();
  if (!names.ok()) return names.error();
  auto policy = ReplayPolicy::Load(wanted.rules, *names);
  if (!policy.ok()) return policy.error();
  replay->policy_ = std::move(*policy);
  if (!wanted.accounts.empty()) {
    replay->accounts_ = std::make_unique<control::accounts::Directory>();
    const base::Status loaded = replay->accounts_->LoadRegistry(wanted.accounts);
    if (!loaded.ok()) return loaded.error();
    replay->policy_->Know(replay->accounts_->PresentBindings());
  }
  for (unsigned index = 0; index < wanted.workers; ++index) {
    auto lane = Lane::Create(wanted, index, *names);
    if (!lane.ok()) return lane.error();
    replay->lanes_.push_back(std::move(*lane));
  }
  replay->spread_.emplace(kLaneSecret, spread::EvenShares(wanted.workers));
  const base::Status opened = replay->OpenOutputs();
  if (!opened.ok()) return opened.error();
  return replay;
}

Replay::Replay(Options options) : options_(std::move(options)) {}

base::Status Replay::OpenOutputs() {
  for (const auto& [path, output] :
       {std::pair(&options_.sessions, &sessions_out_), std::pair(&options_.events, &events_out_)}) {
    if (path->empty()) continue;
    auto opened = TextOutput::Open(*path);
    if (!opened.ok()) return opened.error();
    *output = std::move(*opened);
  }
  return {};
}

bool Replay::all_inputs_read() const {
  return std::all_of(inputs_.begin(), inputs_.end(), [](const InputReport& input) {
    return input.error.empty() || input.cut_short;
  });
}

base::Status Replay::Run() {
  progress_ = std::make_unique<Progress>(BytesInAll(options_.inputs));
  for (const std::string& file : options_.inputs) {
    InputReport& report = inputs_.emplace_back();
    report.file = file;
    base::Status written = ReadInput(file, report);
    if (!written.ok()) {
      static_cast<void>(CloseOutputs());
      return written;
    }
    if (report.error.empty()) continue;
    progress_->Clear();
    fmt::print(stderr, "weir-replay: {}\n", report.error);
  }
  for (const auto& lane : lanes_) lane->CloseAll();
  if (started_) PushHealth(events::HealthKind::kStopped, 0);
  // No input could be opened: still a capture, and an empty one.
  const base::Status opened = OpenCaptureOutput({});
  const base::Status closed = CloseOutputs();
  return opened.ok() ? closed : opened;
}

base::Status Replay::CloseOutputs() {
  std::vector<const RecordKeeper*> keepers;
  for (const auto& lane : lanes_) keepers.push_back(&lane->keeper());
  if (sessions_out_) WriteSessions(keepers, accounts_.get(), options_.sensor, *sessions_out_);
  if (events_out_) WriteEvents(keepers, options_.sensor, *events_out_);
  base::Status first;
  if (capture_out_) first = capture_out_->Close();
  for (const auto& output : {&sessions_out_, &events_out_}) {
    if (*output == nullptr) continue;
    base::Status closed = (*output)->Close();
    if (first.ok()) first = std::move(closed);
  }
  return first;
}

base::Status Replay::OpenCaptureOutput(const capture::CaptureFormat& format) {
  if (options_.out.empty() || capture_out_ != nullptr) return {};
  auto opened = capture::CaptureWriter::Open(options_.out, format);
  if (!opened.ok()) return opened.error();
  capture_out_ = std::move(*opened);
  return {};
}

base::Status Replay::ReadInput(const std::string& file, InputReport& report) {
  auto opened = capture::CaptureReader::Open(file);
  if (!opened.ok()) {
    report.error = opened.error().message;
    return {};
  }
  capture::CaptureReader& reader = **opened;
  report.link_type = capture::LinkTypeName(reader.link_type());
  const capture::CaptureFormat none;
  const base::Status out =
      OpenCaptureOutput({.link_type = reader.link_type(),
                         .nanoseconds = reader.nanoseconds(),
                         .snapshot_bytes = std::max(reader.snapshot_bytes(), none.snapshot_bytes)});
  if (!out.ok()) return out;
  if (capture_out_ && capture_out_->format().link_type != reader.link_type()) {
    report.error = fmt::format(
        "{}: its link type is {}, --out is {} since the first capture: left out, replay it alone",
        file, report.link_type, capture::LinkTypeName(capture_out_->format().link_type));
    return {};
  }
  const base::Status read = ReadRecords(reader, report);
  report.records = reader.records();
  bytes_before_ += reader.bytes_read();
  return read;
}

base::Status Replay::ReadRecords(capture::CaptureReader& reader, InputReport& report) {
  capture::CaptureRecord record;
  for (;;) {
    const auto next = reader.Next(record);
    if (!next.ok()) {
      report.error = next.error().message;
      report.cut_short = reader.cut_short();
    }
    if (!next.ok() || !*next) return {};
    if (reader.records() == 1) BeginInput(record.time);
    const base::Status processed = ProcessRecord(record);
    if (!processed.ok()) return processed;
    progress_->Show(bytes_before_ + reader.bytes_read());
  }
}

void Replay::BeginInput(base::WallTime first) {
  if (clock_.BeginInput(first)) {
    for (const auto& lane : lanes_) lane->CloseAll();
  }
  if (started_) return;
  started_ = true;
  boot_id_ = static_cast<uint64_t>(first.ns);
  PushHealth(events::HealthKind::kStarted, 0);
  PushHealth(events::HealthKind::kPolicyInstalled, policy_->At(first).version());
}

void Replay::LeapTo(base::WallTime record) {
  clock_.Leap();
  const rules::CompiledPolicy& policy = policy_->At(clock_.wall());
  for (const auto& lane : lanes_) {
    lane->Tick(clock_.mono(), policy, clock_.wall_minus_mono_ns());
    lane->CloseAll();
  }
  clock_.SetDate(record);
}

void Replay::PushHealth(events::HealthKind kind, uint64_t value) {
  events::HealthEvent event;
  event.time = clock_.wall();
  event.kind = kind;
  event.boot_id = boot_id_;
  event.value = value;
  std::array<uint8_t, events::kEncodedBytesMax> encoded;
  const size_t bytes = events::Encode(event, encoded);
  lanes_.front()->keeper().Push(events::EventType::kHealth, events::LossClass::kHealth,
                                {encoded.data(), bytes});
}

// Both directions of a flow, and all fragments of a datagram, have one lane: by the outermost
// addresses, as weir-dataplane divides packets, for of a tunnel in fragments no others are there
// yet.
Lane& Replay::LaneOf(const packet::Packet& packet) {
  if (lanes_.size() == 1) return *lanes_.front();
  return *lanes_[spread_->WorkerOf({packet.data, packet.captured_bytes}, packet.wire_bytes)];
}

base::Status Replay::ProcessRecord(const capture::CaptureRecord& record) {
  if (clock_.IsLeap(record.time)) LeapTo(record.time);
  clock_.Advance(record.time);
  const rules::CompiledPolicy& policy = policy_->At(clock_.wall());
  const packet::Packet packet = PacketOf(record, clock_.mono());
  Lane& lane = LaneOf(packet);
  for (const auto& each : lanes_) {
    each->Know(policy_->identities());
    each->Tick(clock_.mono(), policy, clock_.wall_minus_mono_ns());
  }
  const packet::Packet& done = lane.Process(packet, policy, clock_.wall_minus_mono_ns());
  if (capture_out_ && done.action == packet::Action::kForward) {
    const base::Status written =
        capture_out_->Write(record.time, record.original, record.wire_bytes);
    if (!written.ok()) return written;
  }
  return WriteAnswers(lane, record);
}

base::Status Replay::WriteAnswers(Lane& lane, const capture::CaptureRecord& record) {
  for (const respond::OutFrame& answer : lane.outbox().frames()) {
    if (!capture_out_) break;
    const auto made = capture::InLinkTypeOf(record, answer.frame());
    const base::Status written =
        capture_out_->Write(record.time, made, static_cast<uint32_t>(made.size()));
    if (!written.ok()) return written;
  }
  lane.outbox().Clear();
  return {};
}

}  // namespace weir::replay
