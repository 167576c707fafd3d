#include "dataplane/capture/capture_reader.h"

#include <gtest/gtest.h>
#include <pcap/dlt.h>

#include <algorithm>

#include "tests/unit/dataplane_capture/test_file.h"

namespace weir::capture {
namespace {

constexpr uint32_t kLinkEthernet = 1, kLinkRaw = 101, kLinkSll = 113;

Bytes Frame(uint8_t fill, size_t size = 60) { return Bytes(size, fill); }

Bytes ToBytes(std::span<const uint8_t> view) { return {view.begin(), view.end()}; }

TEST(CaptureReader, ReadsMicrosecondRecordsInOrder) {
  const TestFile file(FileBytes()
                          .PcapHeader(kMicroMagic, kLinkEthernet)
                          .PcapRecord(1000, 7, Frame(1), 60)
                          .PcapRecord(1001, 8, Frame(2), 1500)
                          .bytes());
  auto reader = CaptureReader::Open(file.path()).value();
  EXPECT_EQ(reader->link_type(), DLT_EN10MB);
  EXPECT_FALSE(reader->nanoseconds());
  EXPECT_EQ(reader->bytes_in_all(), file.content().size());
  CaptureRecord record;
  ASSERT_TRUE(reader->Next(record).value());
  EXPECT_EQ(record.time.ns, 1000'000'007'000);
  EXPECT_EQ(ToBytes(record.original), Frame(1));
  EXPECT_EQ(ToBytes(record.frame), Frame(1));
  EXPECT_FALSE(record.rewritten);
  ASSERT_TRUE(reader->Next(record).value());
  EXPECT_EQ(record.wire_bytes, 1500U);
  EXPECT_EQ(record.frame_wire_bytes, 1500U);
  EXPECT_FALSE(reader->Next(record).value());
  EXPECT_EQ(reader->records(), 2U);
  EXPECT_EQ(reader->bytes_read(), file.content().size());
}

TEST(CaptureReader, AFramesWireLengthDoesNotWrap) {
  const TestFile file(FileBytes()
                          .PcapHeader(kMicroMagic, kLinkRaw)
                          .PcapRecord(1, 0, Frame(0x45), 0xffffffff)
                          .bytes());
  auto reader = CaptureReader::Open(file.path()).value();
  CaptureRecord record;
  ASSERT_TRUE(reader->Next(record).value());
  EXPECT_EQ(record.frame_wire_bytes, 0xffffffffU);
}

TEST(CaptureReader, KeepsNanoseconds) {
  const TestFile file(FileBytes()
                          .PcapHeader(kNanoMagic, kLinkEthernet)
                          .PcapRecord(1, 123456789, Frame(1), 60)
                          .bytes());
  auto reader = CaptureReader::Open(file.path()).value();
  EXPECT_TRUE(reader->nanoseconds());
  CaptureRecord record;
  ASSERT_TRUE(reader->Next(record).value());
  EXPECT_EQ(record.time.ns, 1'123'456'789);
}

TEST(CaptureReader, ReadsPcapng) {
  const Bytes packet = Frame(9, 60);
  FileBytes pcapng;
  pcapng.U32(0x0a0d0d0a).U32(28).U32(0x1a2b3c4d).U16(1).U16(0).U32(0xffffffff).U32(0xffffffff);
  pcapng.U32(28);
  pcapng.U32(1).U32(20).U16(kLinkEthernet).U16(0).U32(65535).U32(20);
  pcapng.U32(6).U32(92).U32(0).U32(0).U32(5'000'000).U32(60).U32(60).Raw(packet).U32(92);
  const TestFile file(pcapng.bytes());
  auto reader = CaptureReader::Open(file.path()).value();
  CaptureRecord record;
  ASSERT_TRUE(reader->Next(record).value());
  EXPECT_EQ(record.time.ns, 5 * base::kNsPerSecond);
  EXPECT_EQ(ToBytes(record.original), packet);
  EXPECT_FALSE(reader->Next(record).value());
}

TEST(CaptureReader, HoldsTimesBeyondItsClockToTheLastSecond) {
  FileBytes pcapng;
  pcapng.U32(0x0a0d0d0a).U32(28).U32(0x1a2b3c4d).U16(1).U16(0).U32(0xffffffff).U32(0xffffffff);
  pcapng.U32(28);
  pcapng.U32(1).U32(20).U16(kLinkEthernet).U16(0).U32(65535).U32(20);
  pcapng.U32(6).U32(92).U32(0).U32(0x7fffffff).U32(0).U32(60).U32(60).Raw(Frame(9)).U32(92);
  const TestFile file(pcapng.bytes());
  auto reader = CaptureReader::Open(file.path()).value();
  CaptureRecord record;
  ASSERT_TRUE(reader->Next(record).value());
  EXPECT_EQ(record.time.ns / base::kNsPerSecond, INT64_MAX / base::kNsPerSecond - 1);
}

TEST(CaptureReader, SaysWhenPcapngMixesLinkTypes) {
  FileBytes pcapng;
  pcapng.U32(0x0a0d0d0a).U32(28).U32(0x1a2b3c4d).U16(1).U16(0).U32(0xffffffff).U32(0xffffffff);
  pcapng.U32(28);
  pcapng.U32(1).U32(20).U16(kLinkEthernet).U16(0).U32(65535).U32(20);
  pcapng.U32(6).U32(36).U32(0).U32(0).U32(5'000'000).U32(4).U32(4).U32(0).U32(36);
  pcapng.U32(1).U32(20).U16(kLinkRaw).U16(0).U32(65535).U32(20);
  const TestFile file(pcapng.bytes());
  auto reader = CaptureReader::Open(file.path()).value();
  CaptureRecord record;
  ASSERT_TRUE(reader->Next(record).value());
  const auto next = reader->Next(record);
  ASSERT_FALSE(next.ok());
  EXPECT_NE(next.error().message.find("stopped after 1 records"), std::string::npos);
  EXPECT_NE(next.error().message.find("type"), std::string::npos) << next.error().message;
  EXPECT_FALSE(reader->cut_short());
}

TEST(CaptureReader, ReadsWhatStandsBeforeACut) {
  Bytes content = FileBytes()
                      .PcapHeader(kMicroMagic, kLinkEthernet)
                      .PcapRecord(1000, 7, Frame(1), 60)
                      .PcapRecord(1001, 8, Frame(2), 60)
                      .bytes();
  content.erase(content.end() - 10, content.end());
  const TestFile file(content);
  auto reader = CaptureReader::Open(file.path()).value();
  CaptureRecord record;
  ASSERT_TRUE(reader->Next(record).value());
  const auto cut = reader->Next(record);
  ASSERT_FALSE(cut.ok());
  EXPECT_NE(cut.error().message.find(file.path() + ": stopped after 1 records"), std::string::npos);
  EXPECT_TRUE(reader->cut_short());
}

TEST(CaptureReader, PutsAnEthernetHeaderBeforeRawIp) {
  Bytes ip(20, 0);
  ip[0] = 0x45;
  const TestFile file(
      FileBytes().PcapHeader(kMicroMagic, kLinkRaw).PcapRecord(1, 0, ip, 1500).bytes());
  auto reader = CaptureReader::Open(file.path()).value();
  CaptureRecord record;
  ASSERT_TRUE(reader->Next(record).value());
  EXPECT_EQ(ToBytes(record.original), ip);
  ASSERT_EQ(record.frame.size(), 34U);
  EXPECT_TRUE(std::all_of(record.frame.begin(), record.frame.begin() + 12,
                          [](uint8_t byte) { return byte == 0; }));
  EXPECT_EQ(record.frame[12], 0x08);
  EXPECT_EQ(ToBytes(record.frame.subspan(14)), ip);
  EXPECT_EQ(record.frame_wire_bytes, 1514U);
}

TEST(CaptureReader, CallsARecordWithoutNetworkPartNotIp) {
  const TestFile file(
      FileBytes().PcapHeader(kMicroMagic, kLinkSll).PcapRecord(1, 0, Bytes(5, 0x45), 5).bytes());
  auto reader = CaptureReader::Open(file.path()).value();
  CaptureRecord record;
  ASSERT_TRUE(reader->Next(record).value());
  ASSERT_EQ(record.frame.size(), 19U);
  EXPECT_EQ(record.frame[12], 0x88);
  EXPECT_EQ(record.frame[13], 0xb5);
}

TEST(CaptureReader, MakesAnAnswerInTheLinkTypeOfItsCause) {
  Bytes cooked(16, 0xcc);
  cooked[14] = 0x08;
  cooked[15] = 0x00;
  cooked.insert(cooked.end(), 20, 0x45);
  const TestFile file(
      FileBytes().PcapHeader(kMicroMagic, kLinkSll).PcapRecord(1, 0, cooked, 36).bytes());
  auto reader = CaptureReader::Open(file.path()).value();
  CaptureRecord record;
  ASSERT_TRUE(reader->Next(record).value());
  Bytes answer(14, 0);
  answer.insert(answer.end(), 40, 0x77);
  const Bytes made = InLinkTypeOf(record, answer);
  ASSERT_EQ(made.size(), 16U + 40);
  EXPECT_EQ(Bytes(made.begin(), made.begin() + 16), Bytes(cooked.begin(), cooked.begin() + 16));
  EXPECT_EQ(Bytes(made.begin() + 16, made.end()), Bytes(40, 0x77));
}

TEST(CaptureReader, LeavesAnEthernetAnswerAsItIs) {
  const TestFile file(
      FileBytes().PcapHeader(kMicroMagic, kLinkEthernet).PcapRecord(1, 0, Frame(1), 60).bytes());
  auto reader = CaptureReader::Open(file.path()).value();
  CaptureRecord record;
  ASSERT_TRUE(reader->Next(record).value());
  EXPECT_EQ(InLinkTypeOf(record, Frame(7, 54)), Frame(7, 54));
}

TEST(CaptureReader, TrustsNoLengthBelowWhatItHolds) {
  const TestFile file(
      FileBytes().PcapHeader(kMicroMagic, kLinkEthernet).PcapRecord(1, 0, Frame(1), 10).bytes());
  auto reader = CaptureReader::Open(file.path()).value();
  CaptureRecord record;
  ASSERT_TRUE(reader->Next(record).value());
  EXPECT_EQ(record.wire_bytes, 10U);
  EXPECT_EQ(record.frame_wire_bytes, 60U);
}

TEST(CaptureReader, NamesAFileThatIsNotThere) {
  const auto reader = CaptureReader::Open("/nowhere/at-all.pcap");
  ASSERT_FALSE(reader.ok());
  EXPECT_EQ(reader.error().message, "/nowhere/at-all.pcap: No such file or directory");
}

TEST(CaptureReader, RefusesWhatIsNoCapture) {
  for (const Bytes& content : {Bytes{}, Bytes{1, 2}, Bytes(100, 'x')}) {
    const TestFile file(content);
    const auto reader = CaptureReader::Open(file.path());
    ASSERT_FALSE(reader.ok());
    EXPECT_NE(reader.error().message.find(file.path() + ": not a capture"), std::string::npos);
  }
}

TEST(CaptureReader, RefusesAFolder) {
  const auto reader = CaptureReader::Open(testing::TempDir());
  ASSERT_FALSE(reader.ok());
  EXPECT_NE(reader.error().message.find("Is a directory"), std::string::npos);
}

}  // namespace
}  // namespace weir::capture
