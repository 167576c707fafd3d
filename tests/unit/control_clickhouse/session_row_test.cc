#include "control/clickhouse/session_row.h"

#include <gmock/gmock.h>

#include <random>

#include "../control_audit/store_fixture.h"
#include "control/audit/record_codec.h"
#include "control/clickhouse/conditions.h"
#include "control/clickhouse/row_binary.h"
#include "control/clickhouse/row_stream.h"

namespace weir::control::clickhouse {
namespace {

using ::testing::HasSubstr;

// What a SELECT of SessionSelectColumns() gives: the inserted row without its first four columns.
std::string Selected(const audit::SessionRecord& record) {
  std::string row;
  PutSessionRow(row, record);
  std::string out;
  PutLe(out, kRowMark);
  return out + row.substr(2 + 1 + 16 + 8);
}

audit::SessionRecord RandomRecord(std::mt19937_64& random) {
  static const std::string kTexts[] = {"", "a", std::string(255, 'x'), std::string("\0'\\\n", 4)};
  const auto text = [&] { return std::string_view(kTexts[random() % 4]); };
  audit::SessionRecord record;
  events::SessionEvent& event = record.event;
  event.session_id = random();
  event.part = static_cast<uint32_t>(random());
  event.revision = static_cast<uint32_t>(random());
  event.start.ns = static_cast<int64_t>(random() >> 1);
  event.end.ns = static_cast<int64_t>(random());
  event.session_start.ns = static_cast<int64_t>(random());
  for (auto* ip : {&event.src_ip, &event.dst_ip}) {
    for (auto& byte : ip->mutable_bytes()) byte = static_cast<uint8_t>(random());
  }
  event.src_port = static_cast<uint16_t>(random());
  event.dst_port = static_cast<uint16_t>(random());
  event.ip_protocol = static_cast<uint8_t>(random());
  event.direction = static_cast<events::Direction>(random() % 4);
  event.state = static_cast<events::SessionState>(random() % 2);
  event.end_reason = static_cast<events::EndReason>(random() % 8);
  event.name_source = static_cast<events::NameSource>(random() % 5);
  event.verdict = static_cast<events::Verdict>(random() % 5);
  event.vlan_count = static_cast<uint8_t>(random() % 3);
  for (size_t i = 0; i < event.vlan_count; i++) event.vlans[i] = static_cast<uint16_t>(random());
  event.bytes_to_dst = random();
  event.packets_to_src = random();
  event.tcp_flags = static_cast<uint8_t>(random());
  event.list_line = static_cast<uint32_t>(random());
  event.name = text();
  event.app = text();
  event.rule = text();
  record.identity = {text(), text(), static_cast<uint8_t>(random()), {}};
  if (random() % 2 == 0) record.identity.login_time = base::WallTime{7};
  record.sensor = text();
  return record;
}

TEST(SessionRow, IsReadAsItWasWritten) {
  const uint64_t seed = std::random_device()();
  SCOPED_TRACE(seed);
  std::mt19937_64 random(seed);
  for (int i = 0; i < 1000; i++) {
    const auto record = RandomRecord(random);
    const std::string bytes = Selected(record);
    base::Cursor in(audit::AsBytes(bytes));
    audit::SessionRecord read;
    ASSERT_TRUE(GetSessionRow(in, read));
    ASSERT_TRUE(in.ok() && in.empty());
    EXPECT_EQ(Selected(read), bytes);
    EXPECT_EQ(read.identity, record.identity);
    EXPECT_EQ(read.event.src_ip, record.event.src_ip);
    EXPECT_EQ(read.event.name, record.event.name);
  }
}

TEST(SessionRow, VersionsGrowWithRevisionsAndWithBeingLost) {
  auto event = audit::MakeSession(1);
  const uint64_t first = VersionOf(event);
  event.end_reason = events::EndReason::kLost;
  const uint64_t lost = VersionOf(event);
  event.end_reason = events::EndReason::kNone;
  event.revision = 1;
  EXPECT_LT(first, lost);
  EXPECT_LT(lost, VersionOf(event));
  event.revision = UINT32_MAX;
  EXPECT_GT(VersionOf(event), uint64_t{UINT32_MAX});
}

TEST(SessionRow, DatesStayWithinWhatClickhouseHas) {
  EXPECT_EQ(DateOf({-1}), kDateMin);
  EXPECT_EQ(DateOf(audit::kNoon), audit::DayOf(audit::kNoon));
  EXPECT_EQ(DateOf({INT64_MAX}), kDateMax);
  EXPECT_EQ(audit::DayName(kDateMax), "2105-12-31");
}

struct Streamed {
  uint64_t rows = 0;
  base::Status status;
};

Streamed Stream(std::string_view bytes, size_t piece_bytes) {
  Streamed streamed;
  RowStream rows([&](const audit::SessionRecord&) {
    streamed.rows++;
    return true;
  });
  for (size_t at = 0; at < bytes.size(); at += piece_bytes) {
    if (!rows.Take(bytes.substr(at, piece_bytes))) break;
  }
  streamed.status = rows.Finish();
  return streamed;
}

TEST(RowStream, TakesPiecesOfAnySize) {
  std::mt19937_64 random(7);
  std::string bytes;
  for (int i = 0; i < 20; i++) bytes += Selected(RandomRecord(random));
  for (const size_t piece : {1u, 2u, 3u, 7u, 100u, 1000u, 100'000u}) {
    const auto streamed = Stream(bytes, piece);
    EXPECT_TRUE(streamed.status.ok());
    EXPECT_EQ(streamed.rows, 20u);
  }
}

TEST(RowStream, TellsAnErrorBehindRowsFromRows) {
  const std::string row = Selected({audit::MakeSession(1), {}, "lab"});
  const std::string words = "Code: 241, e.displayText() = DB::Exception: Memory limit exceeded\n";
  for (const size_t piece : {1u, 2u, 50u, 1000u}) {
    const auto streamed = Stream(row + row + words, piece);
    EXPECT_EQ(streamed.rows, 2u);
    ASSERT_FALSE(streamed.status.ok());
    EXPECT_EQ(streamed.status.error().message,
              "the answer broke off: Code: 241. Memory limit exceeded");
  }
}

TEST(RowStream, RefusesWhatIsNoRow) {
  const std::string row = Selected({audit::MakeSession(1), {}, "lab"});
  EXPECT_THAT(Stream(row + row.substr(0, 30), 10).status.error().message, HasSubstr("broke off"));
  EXPECT_THAT(Stream("<html>", 10).status.error().message, HasSubstr("no session records"));
  std::string bad = row;
  bad[4 + 8 + 8 + 4 + 4 + 8 + 8 + 32 + 4 + 1] = 9;  // a direction that there is not
  EXPECT_FALSE(Stream(bad, 1000).status.ok());
  std::string endless = row;
  for (size_t i = row.size() - 4; i < row.size(); i++) endless[i] = '\xff';  // a text's length
  endless += "\xff\xff\x7f" + std::string(2 * kRowBytesMax, 'x');
  EXPECT_FALSE(Stream(endless, 65'536).status.ok());
  EXPECT_TRUE(Stream("", 1).status.ok());
}

TEST(Conditions, LeadToDaysAndHours) {
  EXPECT_EQ(StartConditions(audit::kNoon.ns, audit::kNoon.ns + audit::kHourNs),
            "day >= '2026-11-22' AND day <= '2026-11-22' AND hour >= 9 AND hour <= 10 AND "
            "start_ns >= 1795339800000000000 AND start_ns < 1795343400000000000");
  EXPECT_THAT(StartConditions(audit::kNoon.ns, audit::kNoon.ns + audit::kDayNs),
              HasSubstr("day <= '2026-11-23' AND start_ns"));
  EXPECT_EQ(QueryConditions({.account = "a'"}), " AND account = unhex('6127')");
  EXPECT_EQ(QueryConditions({}), "");
}

}  // namespace
}  // namespace weir::control::clickhouse
