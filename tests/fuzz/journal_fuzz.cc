// What the journal's reader finds on a disk: headers, frames, events, the acknowledgement.
//
// The first byte says what of it; an event that is read is written again the same.
#include <algorithm>
#include <array>
#include <cstring>
#include <string>
#include <vector>

#include "dataplane/events/event.h"
#include "dataplane/events/journal_format.h"
#include "dataplane/events/lease_event.h"
#include "dataplane/events/loss_ledger.h"
#include "dataplane/events/session_json.h"
#include "fuzz_check.h"

using namespace weir::events;

namespace {

using Span = std::span<const uint8_t>;
constexpr uint64_t kSalt = 0x1122334455667788;

template <typename Event>
Span Encoded(const Event& event, std::array<uint8_t, kEncodedBytesMax>& room) {
  return Span(room).first(Encode(event, room));
}

// `decode` takes `bytes` back from what was made of them.
template <typename Decode>
void CheckEvent(Span bytes, Decode decode) {
  const auto event = decode(bytes);
  if (!event.ok()) return;
  std::array<uint8_t, kEncodedBytesMax> room;
  FUZZ_CHECK(std::ranges::equal(Encoded(*event, room), bytes));
}

void CheckFrames(Span bytes) {
  const ParsedFrame parsed = ParseFrame(bytes, kSalt);
  if (parsed.state == FrameState::kGood) {
    FUZZ_CHECK(parsed.frame_bytes <= bytes.size() && parsed.frame_bytes <= kFrameBytesMax);
    std::vector<uint8_t> again;
    AppendFrame(again, parsed.frame, kSalt);
    FUZZ_CHECK(std::ranges::equal(again, bytes.first(parsed.frame_bytes)));
  }
  const auto found = FindFrame(bytes, 0, kSalt);
  FUZZ_CHECK((parsed.state == FrameState::kGood) == (found == std::optional<size_t>(0)));
  FUZZ_CHECK(!found || ParseFrame(bytes.subspan(*found), kSalt).state == FrameState::kGood);
}

// A frame that holds the input, behind one byte of something else.
void CheckFound(Span bytes) {
  if (bytes.empty()) return;  // no event is
  Frame frame;
  frame.seq = 7;
  frame.payload = bytes.first(std::min(bytes.size(), kEncodedBytesMax));
  std::vector<uint8_t> file(1, bytes.back());
  AppendFrame(file, frame, kSalt);
  const auto found = FindFrame(file, 0, kSalt);
  FUZZ_CHECK(found.has_value() && *found <= 1);
  CheckFrames(file);
  CheckFrames(Span(file).subspan(1));
}

// As they are, and with the input as the sums behind a checksum that fits.
void CheckLosses(Span bytes) {
  const FoundLosses found = DecodeLosses(bytes);
  if (found.state == FoundLosses::State::kGood) {
    FUZZ_CHECK(DecodeLosses(EncodeLosses(found.losses, found.turn)).losses == found.losses);
  }
  Losses losses;
  std::memcpy(losses.counted.data(), bytes.data(), std::min(bytes.size(), sizeof losses.counted));
  const Span rest = bytes.subspan(std::min(bytes.size(), sizeof losses.counted));
  std::memcpy(losses.told.data(), rest.data(), std::min(rest.size(), sizeof losses.told));
  const FoundLosses made = DecodeLosses(EncodeLosses(losses, 1));
  bool fits = true;
  for (size_t i = 0; i < kLossClasses; ++i) fits = fits && losses.told[i] <= losses.counted[i];
  FUZZ_CHECK((made.state == FoundLosses::State::kGood) == fits);
}

void CheckSmallThings(Span bytes) {
  CheckLosses(bytes);
  if (const auto header = ParseSegmentHeader(bytes); header.state == HeaderState::kGood) {
    const auto again = EncodeSegmentHeader(header.header);
    FUZZ_CHECK(ParseSegmentHeader(again).state == HeaderState::kGood);
  }
  if (const auto position = DecodePosition(bytes); position.ok()) {
    FUZZ_CHECK(std::ranges::equal(EncodePosition(*position), bytes));
  }
  if (const auto ack = DecodeAcknowledgements(bytes)) {
    FUZZ_CHECK(bytes.size() >= kAckSlotBytes);
  }
  const std::string name(bytes.begin(), bytes.end());
  if (const auto seq = ParseSegmentFileName(name)) FUZZ_CHECK(SegmentFileName(*seq) == name);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size == 0) return 0;
  const Span bytes(data + 1, size - 1);
  switch (data[0] % 7) {
    case 0:
      CheckEvent(bytes, DecodeSession);
      if (const auto event = DecodeSession(bytes); event.ok()) {
        FUZZ_CHECK(SessionToJson(*event, "sensor", {}).find('\n') == std::string::npos);
      }
      break;
    case 1:
      CheckEvent(bytes, DecodeFinding);
      break;
    case 2:
      CheckEvent(bytes, DecodeHealth);
      break;
    case 3:
      CheckFrames(bytes);
      break;
    case 4:
      CheckFound(bytes);
      break;
    case 6:
      CheckEvent(bytes, DecodeLease);
      if (const auto event = DecodeLease(bytes); event.ok()) {
        FUZZ_CHECK(LeaseText(event->circuit).find('\n') == std::string::npos);
      }
      break;
    default:
      CheckSmallThings(bytes);
      break;
  }
  return 0;
}
