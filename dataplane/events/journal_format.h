// The journal's layout on disk, shared by writer and reader; docs/formats/journal.md is the
// specification.
//
// Pure functions over bytes: no files, no state, any thread.
#pragma once

#include <array>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "dataplane/events/event.h"

namespace weir::events {

inline constexpr size_t kSegmentHeaderBytes = 128;
inline constexpr size_t kFrameHeaderBytes = 18;  // length, crc, seq, type, loss class
inline constexpr size_t kFrameBytesMax = kFrameHeaderBytes + kEncodedBytesMax;
inline constexpr size_t kSensorBytesMax = 63;
inline constexpr uint32_t kJournalVersion = 1;
inline constexpr uint64_t kFirstSeq = 1;

// Where a reader stands: before the frame that it reads next. All zero is the oldest frame there
// is. Kept by the consumer beside its own data, in the same transaction.
struct Position {
  uint64_t journal_id = 0;   // random, made with the journal; tells a journal that was begun anew
  uint64_t segment_seq = 0;  // the segment's first number, and its file's name
  uint64_t offset = 0;       // bytes into the segment
  uint64_t next_seq = 0;
  bool operator==(const Position&) const = default;
};

inline constexpr size_t kPositionBytes = 32;
std::array<uint8_t, kPositionBytes> EncodePosition(const Position& position);
base::Result<Position> DecodePosition(std::span<const uint8_t> bytes);

struct SegmentHeader {
  uint64_t journal_id = 0;
  uint64_t boot_id = 0;  // of the writer: differs for every start of the data plane
  uint64_t salt =
      0;  // random; enters each frame's checksum, so no packet's bytes can pose as a frame
  uint64_t first_seq = 0;
  base::WallTime created;
  std::string sensor;  // cut at kSensorBytesMax
};

struct Frame {
  uint64_t seq = 0;
  uint64_t boot_id = 0;
  EventType type = EventType::kSession;
  LossClass loss_class = LossClass::kSession;
  std::span<const uint8_t> payload;  // valid until the reader's next call
};

enum class HeaderState : uint8_t {
  kGood,
  kShort,         // not all of it is there yet
  kDamaged,       // no header, or a checksum that does not agree
  kOtherVersion,  // written by another Weir
};
struct ParsedHeader {
  HeaderState state = HeaderState::kShort;
  SegmentHeader header;  // set when good
};
std::array<uint8_t, kSegmentHeaderBytes> EncodeSegmentHeader(const SegmentHeader& header);
ParsedHeader ParseSegmentHeader(std::span<const uint8_t> bytes);

// Appends one frame to `out`. The payload is at most kEncodedBytesMax.
void AppendFrame(std::vector<uint8_t>& out, const Frame& frame, uint64_t salt);

enum class FrameState : uint8_t {
  kGood,
  kShort,    // the bytes end before the frame does
  kDamaged,  // a length or checksum that no writer makes
};
struct ParsedFrame {
  FrameState state = FrameState::kShort;
  Frame frame;             // set when good, boot_id left to the caller
  size_t frame_bytes = 0;  // set when good
};
ParsedFrame ParseFrame(std::span<const uint8_t> bytes, uint64_t salt);

// The offset of the first good frame at or behind `from`, for going on after damage.
std::optional<size_t> FindFrame(std::span<const uint8_t> bytes, size_t from, uint64_t salt);

// "00000000000004d2.weirj" and back; nothing for a name of another form.
std::string SegmentFileName(uint64_t first_seq);
std::optional<uint64_t> ParseSegmentFileName(std::string_view name);

struct SegmentFile {
  uint64_t first_seq = 0;
  uint64_t bytes = 0;
};
// The segments of a directory in order; empty when it does not exist.
base::Result<std::vector<SegmentFile>> ListSegments(const std::filesystem::path& dir);

// The acknowledgement: two slots written in turn, so that one is whole at any moment.
inline constexpr std::string_view kAckFileName = "ack";
inline constexpr size_t kAckSlotBytes = 32;
inline constexpr size_t kAckFileBytes = 2 * kAckSlotBytes;
struct Acknowledgement {
  uint64_t turn = 0;  // grows with each write; odd ones stand in the second slot
  uint64_t journal_id = 0;
  uint64_t seq = 0;  // this frame and all before it are no longer needed
};
std::array<uint8_t, kAckSlotBytes> EncodeAcknowledgement(const Acknowledgement& ack);
// The newer whole slot; nothing when there is none.
std::optional<Acknowledgement> DecodeAcknowledgements(std::span<const uint8_t> file);

}  // namespace weir::events
