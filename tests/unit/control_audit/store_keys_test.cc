#include "control/audit/store_keys.h"

#include <gtest/gtest.h>

#include <set>
#include <vector>

namespace weir::control::audit {
namespace {

base::IpAddress Ip(std::string_view text) { return base::IpAddress::Parse(text).value(); }
constexpr base::WallTime kTime{1'795'339'800'123'456'789};  // 2026-11-22T09:30:00.123456789Z

TEST(StoreKeys, NamesDays) {
  EXPECT_EQ(DayName(DayOf(kTime)), "2026-11-22");
  EXPECT_EQ(DayName(DayOf({0})), "1970-01-01");
  EXPECT_EQ(DayName(DayOf({-1})), "1969-12-31");
  EXPECT_EQ(DayStart(DayOf(kTime)).ns % kDayNs, 0);
  EXPECT_EQ(ParseDayName("2026-11-22"), DayOf(kTime));
  for (const char* bad :
       {"", "2026-11-2", "2026-02-30", "2026/11/22", "2026-1a-22", "2026-11-222"}) {
    EXPECT_FALSE(ParseDayName(bad).has_value()) << bad;
  }
}

TEST(StoreKeys, RecordKeyComesBackWhole) {
  for (const char* ip : {"10.1.2.3", "2001:db8::7", "0.0.0.0", "::"}) {
    const RecordKey key{Ip(ip), {kTime, 0xfedcba9876543210, 300}};
    const std::string bytes = EncodeRecordKey(key);
    const auto decoded = DecodeRecordKey(DayOf(kTime), bytes);
    ASSERT_TRUE(decoded.has_value());
    EXPECT_EQ(decoded->inside_ip, key.inside_ip);
    EXPECT_EQ(decoded->order, key.order);
    for (size_t i = 0; i < bytes.size(); i++) {
      EXPECT_FALSE(DecodeRecordKey(DayOf(kTime), bytes.substr(0, i)).has_value());
    }
    EXPECT_FALSE(DecodeRecordKey(DayOf(kTime), bytes + "x").has_value());
  }
}

TEST(StoreKeys, RecordKeysSortByHourAddressAndStart) {
  const auto key = [](const char* ip, int64_t seconds) {
    return EncodeRecordKey({Ip(ip), {{kTime.ns + seconds * base::kNsPerSecond}, 1, 0}});
  };
  EXPECT_LT(key("10.0.0.2", 0), key("10.0.0.1", 3600));
  EXPECT_LT(key("10.0.0.1", 60), key("10.0.0.2", 0));
  EXPECT_LT(key("10.0.0.1", 0), key("10.0.0.1", 1));
  EXPECT_LT(RecordKeyFloor(Ip("10.0.0.1"), 9 * kHourNs), key("10.0.0.1", 0));
  EXPECT_TRUE(key("10.0.0.1", 0).starts_with(RecordKeyPrefix(Ip("10.0.0.1"), 9 * kHourNs)));
}

TEST(StoreKeys, NoTermIsTheBeginningOfAnother) {
  const std::vector<std::string> terms = {
      AccountTerm("a"),   AccountTerm("ab"),        AccountTerm(std::string_view("a\0b", 3)),
      AccountTerm("a\1"), NameTerm("b.a"),          NameTerm("a"),
      NameTerm("ba.a"),   PeerTerm(Ip("10.0.0.1")), PeerTerm(Ip("::1")),
      PortTerm(1),        SessionIdTerm(1),         TimeTerm()};
  for (size_t i = 0; i < terms.size(); i++) {
    for (size_t j = 0; j < terms.size(); j++) {
      EXPECT_EQ(i == j, terms[j].starts_with(terms[i])) << i << " " << j;
    }
  }
}

TEST(StoreKeys, NamesBelowADomainAreNeighbours) {
  const std::string below = NamesBelowPrefix("Example.com");
  EXPECT_TRUE(NameTerm("www.example.com").starts_with(below));
  EXPECT_TRUE(NameTerm("A.B.EXAMPLE.COM").starts_with(below));
  EXPECT_FALSE(NameTerm("example.com").starts_with(below));
  EXPECT_FALSE(NameTerm("notexample.com").starts_with(below));
  EXPECT_FALSE(NameTerm("example.com.evil").starts_with(below));
}

TEST(StoreKeys, IndexEntriesGiveTheirCells) {
  const Cell cell{570, Ip("2001:db8::7")};
  for (const auto& term : {AccountTerm("alice"), NameTerm("www.example.com"), TimeTerm()}) {
    const std::string entry = IndexKey(term, cell);
    EXPECT_EQ(DecodeIndexCell(entry, term.size()), cell);
    EXPECT_GT(entry, IndexFloor(term, 570));
    EXPECT_LT(entry, IndexFloor(term, 571));
    EXPECT_FALSE(DecodeIndexCell(entry.substr(0, entry.size() - 1), term.size()).has_value());
  }
  const std::string entry = IndexKey(NameTerm("x.y"), cell);
  EXPECT_EQ(NameTermBytes(entry), NameTerm("x.y").size());
}

// What a later snapshot may say otherwise, each alone and all together.
TEST(StoreKeys, NewTermsAreThoseThatTheRecordBeforeHadNot) {
  SessionRecord bare;
  bare.event.session_id = 7;
  bare.event.start = kTime;
  bare.event.src_ip = Ip("10.1.2.3");
  bare.event.dst_ip = Ip("203.0.113.9");
  std::vector<SessionRecord> records{bare};
  const auto vary = [&](auto change) {
    for (size_t i = 0, before = records.size(); i < before; i++) {
      records.push_back(records[i]);
      change(records.back());
    }
  };
  vary([](SessionRecord& record) { record.identity.account = "s1"; });
  vary([](SessionRecord& record) { record.event.name = "www.example.com"; });
  vary([](SessionRecord& record) { record.event.name = "example.org"; });
  vary([](SessionRecord& record) { record.event.ip_protocol = 6; });
  vary([](SessionRecord& record) { record.event.src_port = 40'001; });
  vary([](SessionRecord& record) { record.event.dst_port = 443; });

  for (const SessionRecord& before : records) {
    for (const SessionRecord& record : records) {
      std::set<std::string> indexed;
      const auto add = [&](const std::string& term, TermUse) { indexed.insert(term); };
      ForEachTerm(before, add);
      ForEachNewTerm(before, record, add);
      ForEachTerm(record, [&](const std::string& term, TermUse) {
        EXPECT_TRUE(indexed.contains(term)) << static_cast<int>(term[0]);
      });
    }
    ForEachNewTerm(before, before, [](const std::string& term, TermUse) {
      ADD_FAILURE() << "nothing is new: " << static_cast<int>(term[0]);
    });
  }
}

TEST(StoreKeys, TheEndsOfAllTimesComeBack) {
  for (const int64_t ns : {INT64_MIN, INT64_MIN + 1, INT64_MAX - 1, INT64_MAX}) {
    const RecordKey key{base::IpAddress::Parse("10.0.0.1").value(), {{ns}, 7, 2}};
    const auto back = DecodeRecordKey(DayOf(key.order.start), EncodeRecordKey(key));
    ASSERT_TRUE(back.has_value());
    EXPECT_EQ(back->order, key.order);
  }
}

}  // namespace
}  // namespace weir::control::audit
