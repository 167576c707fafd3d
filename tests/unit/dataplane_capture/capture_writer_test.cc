#include "dataplane/capture/capture_writer.h"

#include <gtest/gtest.h>
#include <pcap/dlt.h>

#include "dataplane/capture/capture_reader.h"
#include "tests/unit/dataplane_capture/test_file.h"

namespace weir::capture {
namespace {

struct Written {
  int64_t ns;
  Bytes data;
  uint32_t wire_bytes;
};

void WriteAll(const std::string& path, const CaptureFormat& format,
              const std::vector<Written>& records) {
  auto writer = CaptureWriter::Open(path, format).value();
  for (const Written& record : records) {
    ASSERT_TRUE(writer->Write({record.ns}, record.data, record.wire_bytes).ok());
  }
  ASSERT_TRUE(writer->Close().ok());
}

TEST(CaptureWriter, WritesWhatTheReaderReads) {
  const TestFile file;
  const std::vector<Written> records = {{1'000'000'001, Bytes(60, 1), 60},
                                        {2'999'999'999, Bytes(0), 1500},
                                        {2'000'000'000, Bytes(9000, 3), 9001}};
  WriteAll(file.path(), {.link_type = DLT_RAW, .nanoseconds = true}, records);
  auto reader = CaptureReader::Open(file.path()).value();
  EXPECT_EQ(reader->link_type(), DLT_RAW);
  EXPECT_TRUE(reader->nanoseconds());
  CaptureRecord record;
  for (const Written& expected : records) {
    ASSERT_TRUE(reader->Next(record).value());
    EXPECT_EQ(record.time.ns, expected.ns);
    EXPECT_EQ(Bytes(record.original.begin(), record.original.end()), expected.data);
    EXPECT_EQ(record.wire_bytes, expected.wire_bytes);
  }
  EXPECT_FALSE(reader->Next(record).value());
}

TEST(CaptureWriter, RepeatsAMicrosecondFileByteForByte) {
  const TestFile original(FileBytes()
                              .PcapHeader(kMicroMagic, 1)
                              .PcapRecord(1000, 999'999, Bytes(60, 1), 60)
                              .PcapRecord(0, 0, Bytes(61, 2), 100)
                              .bytes());
  const TestFile copy;
  auto reader = CaptureReader::Open(original.path()).value();
  auto writer = CaptureWriter::Open(copy.path(), {.link_type = reader->link_type(),
                                                  .nanoseconds = reader->nanoseconds(),
                                                  .snapshot_bytes = reader->snapshot_bytes()})
                    .value();
  CaptureRecord record;
  while (reader->Next(record).value()) {
    ASSERT_TRUE(writer->Write(record.time, record.original, record.wire_bytes).ok());
  }
  ASSERT_TRUE(writer->Close().ok());
  EXPECT_EQ(copy.content(), original.content());
}

TEST(CaptureWriter, NamesTheFileItCannotOpen) {
  const auto writer = CaptureWriter::Open("/nowhere/out.pcap", {});
  ASSERT_FALSE(writer.ok());
  EXPECT_EQ(writer.error().message, "cannot write /nowhere/out.pcap: No such file or directory");
}

TEST(CaptureWriter, SaysWhenTheDiskIsFull) {
  auto writer = CaptureWriter::Open("/dev/full", {}).value();
  base::Status status = writer->Write({0}, Bytes(60, 1), 60);
  if (status.ok()) status = writer->Close();
  ASSERT_FALSE(status.ok());
  EXPECT_EQ(status.error().message, "cannot write /dev/full: No space left on device");
}

}  // namespace
}  // namespace weir::capture
