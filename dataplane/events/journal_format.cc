#include "dataplane/events/journal_format.h"

#include <fmt/format.h>
#include <zlib.h>

#include <algorithm>
#include <charconv>

#include "dataplane/events/byte_codec.h"

namespace weir::events {
namespace {

constexpr std::array<uint8_t, 8> kMagic = {'W', 'E', 'I', 'R', 'J', 'N', 'L', '1'};
constexpr size_t kHeaderCrcOffset = 12;
constexpr std::string_view kSegmentSuffix = ".weirj";
constexpr size_t kSegmentDigits = 16;

constexpr size_t kFrameCrcOffset = 4;
constexpr size_t kFrameCheckedOffset = 8;  // what stands behind the checksum
constexpr size_t kFrameTypeOffset = 16;
constexpr size_t kFrameLossClassOffset = 17;

uint32_t Crc(uint32_t crc, std::span<const uint8_t> bytes) {
  return static_cast<uint32_t>(crc32(crc, bytes.data(), static_cast<uInt>(bytes.size())));
}

template <typename T>
T LoadLe(const uint8_t* bytes) {
  T value;
  std::memcpy(&value, bytes, sizeof value);
  return value;
}

// All but the four bytes of the checksum itself.
uint32_t HeaderCrc(std::span<const uint8_t> header) {
  const uint32_t crc = Crc(0, header.first(kHeaderCrcOffset));
  return Crc(crc, header.subspan(kHeaderCrcOffset + sizeof crc));
}

// The salt, the length, and everything behind the checksum.
uint32_t FrameCrc(std::span<const uint8_t> frame, uint64_t salt) {
  std::array<uint8_t, sizeof salt> salt_bytes{};
  std::memcpy(salt_bytes.data(), &salt, sizeof salt);
  uint32_t crc = Crc(0, salt_bytes);
  crc = Crc(crc, frame.first(kFrameCrcOffset));
  return Crc(crc, frame.subspan(kFrameCheckedOffset));
}

bool KnownType(uint8_t type) {
  return type >= static_cast<uint8_t>(EventType::kSession) &&
         type <= static_cast<uint8_t>(EventType::kLease);
}

}  // namespace

std::array<uint8_t, kPositionBytes> EncodePosition(const Position& position) {
  std::array<uint8_t, kPositionBytes> bytes{};
  ByteWriter writer(bytes);
  writer.Put(position.journal_id);
  writer.Put(position.segment_seq);
  writer.Put(position.offset);
  writer.Put(position.next_seq);
  return bytes;
}

base::Result<Position> DecodePosition(std::span<const uint8_t> bytes) {
  ByteReader reader(bytes);
  Position position;
  position.journal_id = reader.Take<uint64_t>();
  position.segment_seq = reader.Take<uint64_t>();
  position.offset = reader.Take<uint64_t>();
  position.next_seq = reader.Take<uint64_t>();
  if (!reader.ok_and_empty()) {
    return base::Error{
        fmt::format("a journal position of {} bytes instead of {}", bytes.size(), kPositionBytes)};
  }
  return position;
}

std::array<uint8_t, kSegmentHeaderBytes> EncodeSegmentHeader(const SegmentHeader& header) {
  std::array<uint8_t, kSegmentHeaderBytes> bytes{};
  ByteWriter writer(bytes);
  writer.PutBytes(kMagic);
  writer.Put(kJournalVersion);
  writer.Put(uint32_t{0});
  writer.Put(header.journal_id);
  writer.Put(header.boot_id);
  writer.Put(header.salt);
  writer.Put(header.first_seq);
  writer.Put(header.created.ns);
  writer.PutString(header.sensor, kSensorBytesMax);
  const uint32_t crc = HeaderCrc(bytes);
  std::memcpy(bytes.data() + kHeaderCrcOffset, &crc, sizeof crc);
  return bytes;
}

ParsedHeader ParseSegmentHeader(std::span<const uint8_t> bytes) {
  ParsedHeader parsed;
  if (bytes.size() < kSegmentHeaderBytes) return parsed;
  parsed.state = HeaderState::kDamaged;
  const auto raw = bytes.first(kSegmentHeaderBytes);
  if (HeaderCrc(raw) != LoadLe<uint32_t>(raw.data() + kHeaderCrcOffset)) return parsed;
  ByteReader reader(raw);
  const auto magic = reader.TakeBytes(kMagic.size());
  if (!std::equal(magic.begin(), magic.end(), kMagic.begin())) return parsed;
  if (reader.Take<uint32_t>() != kJournalVersion) {
    parsed.state = HeaderState::kOtherVersion;
    return parsed;
  }
  reader.TakeBytes(sizeof(uint32_t));
  parsed.header.journal_id = reader.Take<uint64_t>();
  parsed.header.boot_id = reader.Take<uint64_t>();
  parsed.header.salt = reader.Take<uint64_t>();
  parsed.header.first_seq = reader.Take<uint64_t>();
  parsed.header.created.ns = reader.TakeInt64();
  parsed.header.sensor = reader.TakeString();
  if (reader.ok()) parsed.state = HeaderState::kGood;
  return parsed;
}

void AppendFrame(std::vector<uint8_t>& out, const Frame& frame, uint64_t salt) {
  const size_t start = out.size();
  out.resize(start + kFrameHeaderBytes + frame.payload.size());
  const auto bytes = std::span(out).subspan(start);
  ByteWriter writer(bytes);
  writer.Put(static_cast<uint32_t>(frame.payload.size()));
  writer.Put(uint32_t{0});
  writer.Put(frame.seq);
  writer.Put(frame.type);
  writer.Put(frame.loss_class);
  writer.PutBytes(frame.payload);
  const uint32_t crc = FrameCrc(bytes, salt);
  std::memcpy(bytes.data() + kFrameCrcOffset, &crc, sizeof crc);
}

ParsedFrame ParseFrame(std::span<const uint8_t> bytes, uint64_t salt) {
  ParsedFrame parsed;
  if (bytes.size() < kFrameHeaderBytes) return parsed;
  const auto payload_bytes = LoadLe<uint32_t>(bytes.data());
  const uint8_t type = bytes[kFrameTypeOffset];
  const uint8_t loss_class = bytes[kFrameLossClassOffset];
  const bool possible = payload_bytes > 0 && payload_bytes <= kEncodedBytesMax && KnownType(type) &&
                        loss_class < kLossClasses;
  if (!possible) {
    parsed.state = FrameState::kDamaged;
    return parsed;
  }
  const size_t frame_bytes = kFrameHeaderBytes + payload_bytes;
  if (bytes.size() < frame_bytes) return parsed;
  const auto frame = bytes.first(frame_bytes);
  if (FrameCrc(frame, salt) != LoadLe<uint32_t>(frame.data() + kFrameCrcOffset)) {
    parsed.state = FrameState::kDamaged;
    return parsed;
  }
  parsed.state = FrameState::kGood;
  parsed.frame_bytes = frame_bytes;
  parsed.frame.seq = LoadLe<uint64_t>(frame.data() + kFrameCheckedOffset);
  parsed.frame.type = EventType{type};
  parsed.frame.loss_class = LossClass{loss_class};
  parsed.frame.payload = frame.subspan(kFrameHeaderBytes);
  return parsed;
}

std::optional<size_t> FindFrame(std::span<const uint8_t> bytes, size_t from, uint64_t salt) {
  for (size_t offset = from; offset + kFrameHeaderBytes < bytes.size(); ++offset) {
    if (ParseFrame(bytes.subspan(offset), salt).state == FrameState::kGood) return offset;
  }
  return std::nullopt;
}

std::string SegmentFileName(uint64_t first_seq) {
  return fmt::format("{:016x}{}", first_seq, kSegmentSuffix);
}

std::optional<uint64_t> ParseSegmentFileName(std::string_view name) {
  if (name.size() != kSegmentDigits + kSegmentSuffix.size()) return std::nullopt;
  uint64_t first_seq = 0;
  const auto parsed = std::from_chars(name.data(), name.data() + kSegmentDigits, first_seq, 16);
  const bool whole = parsed.ec == std::errc() && parsed.ptr == name.data() + kSegmentDigits;
  // Written back it must be the same: no capitals, which the sequence of names would not survive.
  if (!whole || SegmentFileName(first_seq) != name) return std::nullopt;
  return first_seq;
}

base::Result<std::vector<SegmentFile>> ListSegments(const std::filesystem::path& dir) {
  std::vector<SegmentFile> segments;
  std::error_code fault;
  std::filesystem::directory_iterator entry(dir, fault);
  if (fault == std::errc::no_such_file_or_directory) return segments;
  for (const std::filesystem::directory_iterator end; !fault && entry != end;
       entry.increment(fault)) {
    const auto first_seq = ParseSegmentFileName(entry->path().filename().native());
    if (!first_seq) continue;
    std::error_code gone;
    const uint64_t bytes = entry->file_size(gone);
    if (!gone) segments.push_back({*first_seq, bytes});
  }
  if (fault)
    return base::Error{fmt::format("{}: cannot be listed: {}", dir.string(), fault.message())};
  std::sort(segments.begin(), segments.end(),
            [](const SegmentFile& a, const SegmentFile& b) { return a.first_seq < b.first_seq; });
  return segments;
}

std::array<uint8_t, kAckSlotBytes> EncodeAcknowledgement(const Acknowledgement& ack) {
  std::array<uint8_t, kAckSlotBytes> bytes{};
  ByteWriter writer(bytes);
  writer.Put(ack.turn);
  writer.Put(ack.journal_id);
  writer.Put(ack.seq);
  writer.Put(Crc(0, std::span<const uint8_t>(bytes).first(writer.size())));
  return bytes;
}

std::optional<Acknowledgement> DecodeAcknowledgements(std::span<const uint8_t> file) {
  std::optional<Acknowledgement> newest;
  for (size_t slot = 0; (slot + 1) * kAckSlotBytes <= file.size(); ++slot) {
    const auto bytes = file.subspan(slot * kAckSlotBytes, kAckSlotBytes);
    ByteReader reader(bytes);
    Acknowledgement ack;
    ack.turn = reader.Take<uint64_t>();
    ack.journal_id = reader.Take<uint64_t>();
    ack.seq = reader.Take<uint64_t>();
    const bool whole = reader.Take<uint32_t>() == Crc(0, bytes.first(3 * sizeof(uint64_t)));
    if (whole && (!newest || ack.turn > newest->turn)) newest = ack;
  }
  return newest;
}

}  // namespace weir::events
