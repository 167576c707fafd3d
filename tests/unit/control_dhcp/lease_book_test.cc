#include "control/dhcp/lease_book.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sqlite3.h>
#include <stdlib.h>

#include <algorithm>
#include <random>

#include "lease_fixture.h"

namespace weir::control::dhcp {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

constexpr char kIp[] = "10.1.0.1";

class LeaseBookTest : public ::testing::Test {
 protected:
  LeaseBookTest() {
    std::string name = std::filesystem::temp_directory_path() / "weir-leases-XXXXXX";
    folder_ = mkdtemp(name.data());
    Reopen();
  }
  ~LeaseBookTest() override {
    book_.reset();
    std::filesystem::remove_all(folder_);
  }

  void Reopen(size_t running_max = kRunningMax) {
    book_.reset();
    auto opened = LeaseBook::Open(folder_ / "leases.db", running_max);
    ASSERT_TRUE(opened.ok()) << opened.error().message;
    book_ = std::move(*opened);
  }
  void Tell(const std::vector<events::LeaseEvent>& events) {
    ASSERT_TRUE(book_->Consume(events).ok());
  }
  void Expire(int64_t now) { ASSERT_TRUE(book_->Expire(At(now), At(-1'000'000)).ok()); }
  // Who had it: "a", or "-".
  std::string Who(int64_t at, std::string_view ip = kIp) const {
    const auto lease = book_->LeaseAt(Ip(ip), At(at));
    return lease ? Line(*lease).substr(0, 1) : "-";
  }
  // All that changed since the start, as it stands now.
  std::vector<std::string> Lines() const {
    std::vector<std::pair<int64_t, std::string>> lines;
    const auto changes = book_->ChangesAfter(0, 100'000);
    EXPECT_TRUE(changes.ok());
    for (const LeaseChange& change : *changes) {
      lines.emplace_back(change.lease.since.ns, Line(change.lease));
    }
    std::sort(lines.begin(), lines.end());
    std::vector<std::string> out;
    for (auto& [since, line] : lines) out.push_back(std::move(line));
    return out;
  }

  // By another connection.
  void Change(const char* sql) const {
    sqlite3* other = nullptr;
    ASSERT_EQ(sqlite3_open((folder_ / "leases.db").c_str(), &other), SQLITE_OK);
    EXPECT_EQ(sqlite3_exec(other, sql, nullptr, nullptr, nullptr), SQLITE_OK) << sql;
    sqlite3_close(other);
  }

  std::filesystem::path folder_;
  std::unique_ptr<LeaseBook> book_;
};

TEST_F(LeaseBookTest, ALeaseHoldsFromItsAnswerToItsEnd) {
  Tell({Bound('a', kIp, 10, 60, "eth1/7")});
  EXPECT_EQ(Who(9), "-");
  EXPECT_EQ(Who(10), "a");
  EXPECT_EQ(Who(69), "a");
  EXPECT_EQ(Who(70), "-") << "also before anybody has ended it";
  EXPECT_EQ(Who(20, "10.1.0.2"), "-");
  const auto lease = book_->LeaseAt(Ip(kIp), At(20));
  EXPECT_EQ(lease->circuit, "eth1/7");
  EXPECT_EQ(lease->server, Ip("10.0.0.5"));
  Expire(70);
  EXPECT_THAT(Lines(), ElementsAre("a 10-70 expired"));
  EXPECT_EQ(book_->running(), 0U);
  EXPECT_EQ(Who(69), "a") << "and it stays told";
  Reopen();
  EXPECT_EQ(Who(69), "a");
  EXPECT_EQ(Who(70), "-");
}

TEST_F(LeaseBookTest, ARenewalSetsItsEndAnew) {
  Tell({Bound('a', kIp, 10, 60)});
  const uint64_t generation = book_->generation();
  Tell({Bound('a', kIp, 40, 60)});
  EXPECT_EQ(book_->generation(), generation) << "the same machine has it";
  EXPECT_EQ(Who(99), "a");
  Tell({Bound('a', kIp, 50, 10)});
  EXPECT_EQ(Who(60), "-") << "shorter, too";
  Tell({Bound('a', kIp, 45, 600)});
  EXPECT_EQ(Who(60), "-") << "an older word changes nothing";
  EXPECT_THAT(Lines(), ElementsAre("a 10-60"));
}

TEST_F(LeaseBookTest, ARenewalThatComesLateBringsALeaseBack) {
  Tell({Bound('a', kIp, 10, 60)});
  Expire(80);
  ASSERT_EQ(book_->running(), 0U);
  Tell({Bound('a', kIp, 60, 60)});
  EXPECT_THAT(Lines(), ElementsAre("a 10-120"));
  EXPECT_EQ(Who(100), "a");
  EXPECT_EQ(book_->running(), 1U);
  Expire(130);
  Tell({Bound('b', kIp, 125, 60), Bound('a', kIp, 110, 60)});
  EXPECT_THAT(Lines(), ElementsAre("a 10-125 superseded", "b 125-185"));
}

TEST_F(LeaseBookTest, AnAddressIsOneClientsAtATime) {
  Tell({Bound('a', kIp, 10, 600), Bound('b', kIp, 50, 600)});
  EXPECT_THAT(Lines(), ElementsAre("a 10-50 superseded", "b 50-650"));
  EXPECT_EQ(Who(49), "a");
  EXPECT_EQ(Who(50), "b");
  Tell({Bound('c', kIp, 30, 600)});
  EXPECT_THAT(Lines(), ElementsAre("a 10-30 superseded", "c 30-50 superseded", "b 50-650"));
}

TEST_F(LeaseBookTest, WhoWasGivenItAgainHasItAgain) {
  Tell({Bound('a', kIp, 10, 600), Bound('a', kIp, 70, 600)});
  Tell({Bound('b', kIp, 30, 600)});
  EXPECT_THAT(Lines(), ElementsAre("a 10-30 superseded", "b 30-70 superseded", "a 70-670"));
  EXPECT_EQ(book_->running(), 1U);
}

TEST_F(LeaseBookTest, OnlyTheClientGivesBack) {
  Tell({Bound('a', kIp, 10, 600), Released('b', kIp, 20)});
  EXPECT_EQ(Who(30), "a");
  Tell({Bound('a', kIp, 40, 600), Released('a', kIp, 30)});
  EXPECT_EQ(Who(50), "a") << "it has asked again since";
  Tell({Released('a', kIp, 50)});
  EXPECT_EQ(Who(49), "a");
  EXPECT_EQ(Who(50), "-");
  EXPECT_THAT(Lines(), ElementsAre("a 10-50 released"));
  Tell({Bound('a', kIp, 60, 60)});
  EXPECT_THAT(Lines(), ElementsAre("a 10-50 released", "a 60-120"));
}

TEST_F(LeaseBookTest, WhoComesByAnotherCircuitHasMoved) {
  Tell({Bound('a', kIp, 10, 600, "eth1/7"), Bound('a', kIp, 20, 600),
        Bound('a', kIp, 30, 600, "eth1/7"), Bound('a', kIp, 40, 600, "eth1/9")});
  EXPECT_THAT(Lines(), ElementsAre("a 10-40 moved", "a 40-640"));
  EXPECT_EQ(book_->LeaseAt(Ip(kIp), At(39))->circuit, "eth1/7");
  EXPECT_EQ(book_->LeaseAt(Ip(kIp), At(40))->circuit, "eth1/9");
}

TEST_F(LeaseBookTest, ADuidIsTheClientWhateverItsInterface) {
  events::LeaseEvent first = Bound('a', "2001:db8::1", 10, 600);
  first.client_id = "\x01\x02zz";
  events::LeaseEvent second = Bound('b', "2001:db8::1", 20, 600);
  second.client_id = first.client_id;
  Tell({first, second});
  EXPECT_THAT(Lines(), ElementsAre("a 10-620"));
}

TEST_F(LeaseBookTest, APrefixHoldsItsAddressesUnlessOneIsLeasedByItself) {
  Tell({Bound('a', "2001:db8:1::/56", 10, 600), Bound('b', "2001:db8:1:7::/64", 20, 600),
        Bound('c', "2001:db8:1:7::5", 30, 600)});
  EXPECT_EQ(Who(40, "2001:db8:1:9::1"), "a");
  EXPECT_EQ(Who(40, "2001:db8:1:7::6"), "b");
  EXPECT_EQ(Who(40, "2001:db8:1:7::5"), "c");
  EXPECT_EQ(Who(25, "2001:db8:1:7::5"), "b");
  EXPECT_EQ(Who(40, "2001:db8:2::1"), "-");
  Reopen();
  EXPECT_EQ(Who(40, "2001:db8:1:9::1"), "a");
  const auto present = book_->PresentLeases();
  ASSERT_EQ(present.size(), 3U);
  EXPECT_EQ(present[0].first.ToString(), "2001:db8:1::/56");
  EXPECT_EQ(present[1].first.ToString(), "2001:db8:1:7::/64");
  EXPECT_EQ(present[2].first.ToString(), "2001:db8:1:7::5");
  EXPECT_EQ(book_->LeaseAt(*base::IpPrefix::Parse("2001:db8:1:7::/80"), At(40))->mac, MacOf('b'));
  EXPECT_EQ(book_->LeaseAt(*base::IpPrefix::Parse("2001:db8:1::/60"), At(40))->mac, MacOf('a'));
}

TEST_F(LeaseBookTest, ForeverIsForever) {
  Tell({Bound('a', kIp, 10, events::kLeaseForever)});
  Expire(1'000'000'000);
  EXPECT_EQ(Who(1'000'000'000), "a");
  Reopen();
  EXPECT_EQ(Who(1'000'000'000), "a");
}

TEST_F(LeaseBookTest, AddressesOfAMachine) {
  Tell({Bound('a', "10.1.0.2", 10, 60), Bound('a', "10.1.0.1", 20, 60),
        Bound('b', "10.1.0.3", 20, 60)});
  EXPECT_THAT(book_->AddressesOf(MacOf('a'), At(30)), ElementsAre(Ip("10.1.0.1"), Ip("10.1.0.2")));
  EXPECT_THAT(book_->AddressesOf(MacOf('a'), At(75)), ElementsAre(Ip("10.1.0.1")));
}

// As when weir-control is killed between this book's commit and the store's.
TEST_F(LeaseBookTest, HistoryHasTheNewestOfATimeFirst) {
  Tell({Bound('a', kIp, 10, 60), Bound('b', kIp, 100, 60), Released('b', kIp, 120),
        Bound('a', kIp, 200, 60), Bound('a', "10.1.0.2", 300, 60)});
  const auto lines = [](const base::Result<std::vector<accounts::Lease>>& leases) {
    std::vector<std::string> out;
    for (const accounts::Lease& lease : leases.value()) out.push_back(Line(lease));
    return out;
  };
  const auto of_ip = [&](size_t limit, const accounts::Period& time) {
    return lines(book_->HistoryOf(Ip(kIp), limit, time));
  };
  EXPECT_THAT(of_ip(10, {}), ElementsAre("a 200-260", "b 100-120 released", "a 10-70 expired"));
  EXPECT_THAT(of_ip(1, {}), ElementsAre("a 200-260"));
  EXPECT_THAT(of_ip(10, {At(69), At(101)}), ElementsAre("b 100-120 released", "a 10-70 expired"));
  EXPECT_THAT(of_ip(10, {At(70), At(100)}), ElementsAre()) << "nobody had it between";
  EXPECT_THAT(of_ip(10, {At(240), At(9999)}), ElementsAre("a 200-260"));
  EXPECT_THAT(lines(book_->HistoryOf(MacOf('a'), 2)), ElementsAre("a 300-360", "a 200-260"));
  EXPECT_THAT(lines(book_->HistoryOf(MacOf('c'), 2)), ElementsAre());
}

TEST_F(LeaseBookTest, TheHistoryOfAnAddressHasThePrefixesThatHoldIt) {
  Tell({Bound('a', "2001:db8:1::/56", 10, 600), Bound('b', "2001:db8:1:7::5", 100, 60)});
  const auto count = [&](std::string_view ip) {
    return book_->HistoryOf(base::IpPrefix::Parse(ip).value(), 10)->size();
  };
  EXPECT_EQ(count("2001:db8:1:7::5"), 2U);
  EXPECT_EQ(count("2001:db8:1:7::6"), 1U);
  EXPECT_EQ(count("2001:db8:1::/56"), 1U);
  EXPECT_EQ(count("2001:db8:1::/48"), 0U);
  EXPECT_EQ(book_->HistoryOf(Ip("2001:db8:1:7::5"), 1)->at(0).mac, MacOf('b'));
}

TEST_F(LeaseBookTest, TheSameEventsAgainChangeNothing) {
  const std::vector<events::LeaseEvent> events{
      Bound('a', kIp, 10, 60),         Bound('a', kIp, 40, 60), Bound('b', kIp, 60, 60),
      Released('b', kIp, 70),          Bound('b', kIp, 80, 60), Bound('a', kIp, 90, 60, "eth1"),
      Bound('a', kIp, 95, 60, "eth2"), Released('a', kIp, 99)};
  Tell(events);
  const auto once = Lines();
  const auto changes = book_->ChangesAfter(0, 1000)->back().number;
  Tell(events);
  EXPECT_EQ(Lines(), once);
  EXPECT_EQ(book_->ChangesAfter(0, 1000)->back().number, changes);
  Reopen();
  Tell(events);
  EXPECT_EQ(Lines(), once);
}

// Workers tell of one address in their own order. Who had it at a moment comes out the same.
TEST_F(LeaseBookTest, TheOrderInWhichItIsToldDoesNotMatter) {
  std::vector<events::LeaseEvent> events;
  for (int i = 0; i < 8; ++i) {
    events.push_back(Bound(static_cast<char>('a' + i), kIp, 10 + 20 * i, i % 3 == 1 ? 7 : 1000));
  }
  const auto owners = [&] {
    std::string all;
    for (int64_t at = 0; at < 400; at += 5) all += Who(at);
    return all;
  };
  Tell(events);
  const std::string expected = owners();
  std::mt19937 random(7);
  for (int round = 0; round < 20; ++round) {
    book_.reset();
    for (const char* file : {"leases.db", "leases.db-wal", "leases.db-shm"}) {
      std::filesystem::remove(folder_ / file);
    }
    Reopen();
    std::shuffle(events.begin(), events.end(), random);
    for (const auto& event : events) Tell({event});
    EXPECT_EQ(owners(), expected) << round;
  }
}

// Look-ups rely on it: of the leases that began by a moment only the last can hold it. Few moments,
// so that many begin and end at the same one.
TEST_F(LeaseBookTest, ALeaseEndsWhereTheNextBeginsAtTheLatest) {
  std::mt19937 random(11);
  const auto below = [&](uint32_t bound) { return static_cast<int>(random() % bound); };
  for (int round = 0; round < 20; ++round) {
    const std::string ip = "10.1.1." + std::to_string(round + 1);
    for (int step = 0; step < 50; ++step) {
      const char client = static_cast<char>('a' + below(3));
      const int64_t at = below(12) * 10;
      const auto lease_s = static_cast<uint32_t>(below(5) * 10);
      const char* circuit = below(4) == 0 ? "eth2" : "";
      if (below(8) == 0) Expire(at);
      Tell({below(4) == 0 ? Released(client, ip, at) : Bound(client, ip, at, lease_s, circuit)});
    }
    std::vector<accounts::Lease> leases;
    const auto changes = book_->ChangesAfter(0, 1'000'000);
    ASSERT_TRUE(changes.ok());
    for (const LeaseChange& change : *changes) {
      if (change.lease.ip == *base::IpPrefix::Parse(ip)) leases.push_back(change.lease);
    }
    ASSERT_GT(leases.size(), 5U);
    for (const accounts::Lease& one : leases) {
      ASSERT_LE(one.since.ns, one.until.ns) << ip << " " << Line(one);
      for (const accounts::Lease& other : leases) {
        if (other.since.ns > one.since.ns) {
          ASSERT_GE(other.since.ns, one.until.ns) << ip << " " << Line(one) << ", " << Line(other);
        }
      }
    }
    for (int64_t at = 0; at < 200; at += 5) {
      const auto holds = [&](const accounts::Lease& lease) {
        return lease.since.ns <= At(at).ns && At(at).ns < lease.until.ns;
      };
      ASSERT_LE(std::count_if(leases.begin(), leases.end(), holds), 1) << ip << " at " << at;
      const auto held = std::find_if(leases.begin(), leases.end(), holds);
      EXPECT_EQ(Who(at, ip), held == leases.end() ? "-" : Line(*held).substr(0, 1))
          << ip << " at " << at;
    }
  }
}

TEST_F(LeaseBookTest, MoreThanMayRunAreRefusedAndCounted) {
  Reopen(2);
  Tell({Bound('a', "10.1.0.1", 10, 60), Bound('b', "10.1.0.2", 10, 60),
        Bound('c', "10.1.0.3", 10, 60), Bound('c', "10.1.0.2", 20, 60)});
  EXPECT_EQ(book_->running(), 2U);
  EXPECT_EQ(book_->refused(), 1U);
  EXPECT_EQ(Who(30, "10.1.0.3"), "-");
  EXPECT_EQ(Who(30, "10.1.0.2"), "c") << "an address that is in use may change hands";
  Expire(80);
  Tell({Bound('c', "10.1.0.3", 90, 60)});
  EXPECT_EQ(Who(95, "10.1.0.3"), "c");
}

TEST_F(LeaseBookTest, WhatIsOldEnoughIsForgotten) {
  Tell({Bound('a', kIp, 10, 60), Bound('b', "10.1.0.2", 10, 100'000)});
  Expire(100);
  EXPECT_EQ(Who(20), "a");
  ASSERT_TRUE(book_->Expire(At(90'000), At(71)).ok());
  EXPECT_EQ(Who(20), "-");
  EXPECT_EQ(Who(20, "10.1.0.2"), "b");
}

TEST_F(LeaseBookTest, AFileThatCannotBeWrittenTakesNothingAndLosesNothing) {
  Tell({Bound('a', kIp, 10, 60)});
  Change("CREATE TRIGGER no BEFORE INSERT ON lease BEGIN SELECT RAISE(FAIL, 'no room'); END;");
  const std::vector<events::LeaseEvent> later{Bound('a', kIp, 20, 600), Bound('b', kIp, 30, 60)};
  const auto refused = book_->Consume(later);
  ASSERT_FALSE(refused.ok());
  EXPECT_THAT(refused.error().message, HasSubstr("no room"));
  EXPECT_EQ(Who(40), "a");
  EXPECT_EQ(Who(80), "-") << "nor the renewal before it";
  Change("DROP TRIGGER no;");
  Tell(later);
  EXPECT_EQ(Who(40), "b");
}

TEST_F(LeaseBookTest, AFileThatCannotBeReadForgetsNobody) {
  Tell({Bound('a', kIp, 10, 60), Bound('b', "10.1.0.2", 10, 600), Bound('c', "10.1.0.3", 10, 60)});
  Change("ALTER TABLE lease RENAME TO elsewhere;");
  const std::vector<events::LeaseEvent> later{
      Bound('d', "10.1.0.4", 20, 600), Bound('c', kIp, 30, 600), Bound('b', "10.1.0.2", 30, 1),
      Released('c', "10.1.0.3", 40), Bound('e', "10.1.0.5", 40, 600)};
  for (int i = 0; i < 3; ++i) EXPECT_FALSE(book_->Consume(later).ok());
  EXPECT_FALSE(book_->Expire(At(80), At(-1'000'000)).ok());
  EXPECT_EQ(book_->running(), 3U);
  EXPECT_EQ(book_->PresentLeases().size(), 3U);
  EXPECT_EQ(Who(50), "a");
  EXPECT_EQ(Who(50, "10.1.0.2"), "b");
  EXPECT_EQ(Who(50, "10.1.0.3"), "c");
  Change("ALTER TABLE elsewhere RENAME TO lease;");
  Tell(later);
  EXPECT_EQ(Who(29), "a");
  EXPECT_EQ(Who(50), "c");
  EXPECT_EQ(Who(50, "10.1.0.2"), "-");
  EXPECT_EQ(Who(50, "10.1.0.3"), "-");
  EXPECT_EQ(Who(50, "10.1.0.4"), "d");
  EXPECT_EQ(Who(50, "10.1.0.5"), "e");
  EXPECT_EQ(book_->unreadable(), 0U) << "who has an address now is not asked of the file";
}

// The file comes back while nothing is told.
TEST_F(LeaseBookTest, EndsWhatIsOverOnceTheFileCanBeReadAgain) {
  Tell({Bound('a', kIp, 10, 60)});
  Change("ALTER TABLE lease RENAME TO elsewhere;");
  EXPECT_FALSE(book_->Consume(std::vector{Bound('b', kIp, 20, 600)}).ok());
  EXPECT_FALSE(book_->Expire(At(30), At(-1'000'000)).ok());
  Change("ALTER TABLE elsewhere RENAME TO lease;");
  Expire(80);
  EXPECT_EQ(book_->running(), 0U);
  EXPECT_THAT(Lines(), ElementsAre("a 10-70 expired"));
}

TEST_F(LeaseBookTest, CountsWhatItCannotRead) {
  Tell({Bound('a', "2001:db8:1::/56", 10, 600), Bound('b', "2001:db8:1::5", 10, 600),
        Bound('c', "2001:db8:1::5", 20, 600)});
  EXPECT_EQ(Who(15, "2001:db8:1::5"), "b");
  Change("ALTER TABLE lease RENAME TO elsewhere;");
  EXPECT_EQ(Who(15, "2001:db8:1::5"), "-") << "not who has the prefix around it";
  EXPECT_EQ(book_->unreadable(), 1U);
  EXPECT_EQ(Who(25, "2001:db8:1::5"), "c");
  EXPECT_TRUE(book_->AddressesOf(MacOf('a'), At(20)).empty());
  EXPECT_EQ(book_->unreadable(), 2U);
}

}  // namespace
}  // namespace weir::control::dhcp
