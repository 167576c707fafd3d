#include "dataplane/events/journal_format.h"

#include <gtest/gtest.h>

#include "tests/unit/dataplane_events/journal_test_support.h"

namespace weir::events {
namespace {

constexpr uint64_t kSalt = 0x1122334455667788;

std::vector<uint8_t> OneFrame(uint64_t seq = 5) {
  std::vector<uint8_t> bytes;
  const auto payload = NumberedPayload(seq);
  AppendFrame(bytes, Frame{seq, 0, EventType::kFinding, LossClass::kFinding, payload}, kSalt);
  return bytes;
}

SegmentHeader SampleHeader() {
  return {11, 22, kSalt, 33, base::WallTime{44}, std::string(63, 's')};
}

TEST(JournalFrame, ComesBack) {
  const auto bytes = OneFrame(0x0102030405060708);
  const ParsedFrame parsed = ParseFrame(bytes, kSalt);
  ASSERT_EQ(parsed.state, FrameState::kGood);
  EXPECT_EQ(parsed.frame_bytes, kTestFrameBytes);
  EXPECT_EQ(parsed.frame.seq, 0x0102030405060708U);
  EXPECT_EQ(parsed.frame.type, EventType::kFinding);
  EXPECT_EQ(parsed.frame.loss_class, LossClass::kFinding);
  EXPECT_EQ(parsed.frame.payload.size(), kTestPayloadBytes);
}

TEST(JournalFrame, HasTheDocumentedLayout) {
  const auto bytes = OneFrame(0x0102030405060708);
  EXPECT_EQ(bytes[0], kTestPayloadBytes);  // length of the payload, low byte first
  EXPECT_EQ(bytes[1], 0);
  EXPECT_EQ(bytes[8], 0x08);  // seq
  EXPECT_EQ(bytes[15], 0x01);
  EXPECT_EQ(bytes[16], 2);     // type
  EXPECT_EQ(bytes[17], 1);     // loss class
  EXPECT_EQ(bytes[18], 0x08);  // payload
}

TEST(JournalFrame, IsShortUntilItsLastByte) {
  const auto bytes = OneFrame();
  for (size_t cut = 0; cut < bytes.size(); ++cut) {
    const std::vector<uint8_t> part(bytes.begin(), bytes.begin() + static_cast<ptrdiff_t>(cut));
    EXPECT_EQ(ParseFrame(part, kSalt).state, FrameState::kShort) << cut;
  }
}

TEST(JournalFrame, IsNeverGoodWithABitChanged) {
  const auto bytes = OneFrame();
  for (size_t bit = 0; bit < bytes.size() * 8; ++bit) {
    auto changed = bytes;
    changed[bit / 8] = static_cast<uint8_t>(changed[bit / 8] ^ (1U << (bit % 8)));
    changed.resize(bytes.size() + kFrameBytesMax);  // room for a longer length
    EXPECT_NE(ParseFrame(changed, kSalt).state, FrameState::kGood) << bit;
  }
}

// Bytes from packets are in payloads: without the salt nobody can make a frame.
TEST(JournalFrame, IsDamagedUnderAnotherSalt) {
  EXPECT_EQ(ParseFrame(OneFrame(), kSalt + 1).state, FrameState::kDamaged);
}

TEST(JournalFrame, IsNotMadeOfZeros) {
  EXPECT_EQ(ParseFrame(std::vector<uint8_t>(4096), kSalt).state, FrameState::kDamaged);
  EXPECT_EQ(ParseFrame(std::vector<uint8_t>(4096), 0).state, FrameState::kDamaged);
}

TEST(FindFrame, FindsTheNextGoodOne) {
  std::vector<uint8_t> bytes(37, 0x02);
  const auto frame = OneFrame();
  bytes.insert(bytes.end(), frame.begin(), frame.end());
  EXPECT_EQ(FindFrame(bytes, 0, kSalt), 37U);
  EXPECT_EQ(FindFrame(bytes, 37, kSalt), 37U);
  EXPECT_EQ(FindFrame(bytes, 38, kSalt), std::nullopt);
  bytes.pop_back();
  EXPECT_EQ(FindFrame(bytes, 0, kSalt), std::nullopt);
}

TEST(SegmentHeader, ComesBack) {
  const ParsedHeader parsed = ParseSegmentHeader(EncodeSegmentHeader(SampleHeader()));
  ASSERT_EQ(parsed.state, HeaderState::kGood);
  EXPECT_EQ(parsed.header.journal_id, 11U);
  EXPECT_EQ(parsed.header.boot_id, 22U);
  EXPECT_EQ(parsed.header.salt, kSalt);
  EXPECT_EQ(parsed.header.first_seq, 33U);
  EXPECT_EQ(parsed.header.created, base::WallTime{44});
  EXPECT_EQ(parsed.header.sensor, std::string(63, 's'));
}

TEST(SegmentHeader, CutsALongSensor) {
  SegmentHeader header = SampleHeader();
  header.sensor = std::string(500, 't');
  EXPECT_EQ(ParseSegmentHeader(EncodeSegmentHeader(header)).header.sensor, std::string(63, 't'));
}

TEST(SegmentHeader, IsKnownShortDamagedOrOfAnotherVersion) {
  const auto bytes = EncodeSegmentHeader(SampleHeader());
  EXPECT_EQ(ParseSegmentHeader(std::span(bytes).first(127)).state, HeaderState::kShort);
  for (size_t bit = 0; bit < bytes.size() * 8; ++bit) {
    auto changed = bytes;
    changed[bit / 8] = static_cast<uint8_t>(changed[bit / 8] ^ (1U << (bit % 8)));
    EXPECT_EQ(ParseSegmentHeader(changed).state, HeaderState::kDamaged) << bit;
  }
}

TEST(SegmentFileName, ComesBackAndRefusesOthers) {
  EXPECT_EQ(SegmentFileName(1234), "00000000000004d2.weirj");
  EXPECT_EQ(ParseSegmentFileName("00000000000004d2.weirj"), 1234U);
  EXPECT_EQ(ParseSegmentFileName("ffffffffffffffff.weirj"), UINT64_MAX);
  for (const char* name :
       {"", "ack", "4d2.weirj", "00000000000004D2.weirj", "00000000000004d2.weir",
        "00000000000004d2.weirj~", "-0000000000004d2.weirj", "000000000000 4d2.weirj"}) {
    EXPECT_EQ(ParseSegmentFileName(name), std::nullopt) << name;
  }
}

TEST(Position, ComesBackAndRefusesOtherLengths) {
  const Position position{1, 2, 3, 4};
  const auto bytes = EncodePosition(position);
  EXPECT_EQ(*DecodePosition(bytes), position);
  EXPECT_EQ(DecodePosition(std::span(bytes).first(31)).error().message,
            "a journal position of 31 bytes instead of 32");
}

TEST(Acknowledgement, IsTheNewerWholeSlot) {
  std::vector<uint8_t> file(kAckFileBytes);
  const auto put = [&](size_t slot, const Acknowledgement& ack) {
    const auto bytes = EncodeAcknowledgement(ack);
    std::copy(bytes.begin(), bytes.end(),
              file.begin() + static_cast<ptrdiff_t>(slot * kAckSlotBytes));
  };
  EXPECT_EQ(DecodeAcknowledgements(file), std::nullopt);
  EXPECT_EQ(DecodeAcknowledgements({}), std::nullopt);
  put(0, {4, 9, 100});
  EXPECT_EQ(DecodeAcknowledgements(file)->seq, 100U);
  put(1, {5, 9, 200});
  EXPECT_EQ(DecodeAcknowledgements(file)->seq, 200U);
  put(0, {6, 9, 300});
  file[16] = static_cast<uint8_t>(file[16] ^ 1);  // torn while it was written
  EXPECT_EQ(DecodeAcknowledgements(file)->seq, 200U);
}

}  // namespace
}  // namespace weir::events
