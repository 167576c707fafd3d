// One run of weir-replay: every input through the lanes, every output written. One thread.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "control/accounts/directory.h"
#include "dataplane/app/replay/capture_clock.h"
#include "dataplane/app/replay/lane.h"
#include "dataplane/app/replay/options.h"
#include "dataplane/app/replay/policy.h"
#include "dataplane/app/replay/progress.h"
#include "dataplane/app/replay/text_output.h"
#include "dataplane/base/result.h"
#include "dataplane/capture/capture_reader.h"
#include "dataplane/capture/capture_writer.h"
#include "dataplane/spread/spread.h"

namespace weir::replay {

// What became of one input.
struct InputReport {
  std::string file;
  std::string link_type;
  uint64_t records = 0;
  std::string error;       // empty: read to its end
  bool cut_short = false;  // the error: it ends within a record
};

class Replay {
 public:
  // Everything that can be wrong before the first packet: rules, accounts, outputs.
  static base::Result<std::unique_ptr<Replay>> Prepare(Options options);

  // Fails when an output cannot be written. Inputs that break are told on standard error at once
  // and are in inputs().
  base::Status Run();

  const Options& options() const { return options_; }
  const std::vector<InputReport>& inputs() const { return inputs_; }
  const std::vector<std::unique_ptr<Lane>>& lanes() const { return lanes_; }
  const ReplayPolicy& policy() const { return *policy_; }
  const CaptureClock& clock() const { return clock_; }
  // Every input was read to its end, be that a cut one.
  bool all_inputs_read() const;

 private:
  explicit Replay(Options options);
  base::Status OpenOutputs();
  base::Status CloseOutputs();
  base::Status ReadInput(const std::string& file, InputReport& report);
  base::Status ReadRecords(capture::CaptureReader& reader, InputReport& report);
  base::Status ProcessRecord(const capture::CaptureRecord& record);
  base::Status WriteAnswers(Lane& lane, const capture::CaptureRecord& record);
  // Opened with the first input, whose format it takes on.
  base::Status OpenCaptureOutput(const capture::CaptureFormat& format);
  void BeginInput(base::WallTime first);
  void LeapTo(base::WallTime record);
  void PushHealth(events::HealthKind kind, uint64_t value);
  Lane& LaneOf(const packet::Packet& packet);

  const Options options_;
  std::unique_ptr<ReplayPolicy> policy_;
  std::unique_ptr<control::accounts::Directory> accounts_;
  std::vector<std::unique_ptr<Lane>> lanes_;
  std::optional<spread::Spread> spread_;  // of packets over the lanes
  CaptureClock clock_;
  uint64_t boot_id_ = 0;
  bool started_ = false;
  std::vector<InputReport> inputs_;
  uint64_t bytes_before_ = 0;  // of the inputs that are done
  std::unique_ptr<Progress> progress_;
  std::unique_ptr<capture::CaptureWriter> capture_out_;
  std::unique_ptr<TextOutput> sessions_out_;
  std::unique_ptr<TextOutput> events_out_;
};

}  // namespace weir::replay
