// What comes late, twice, in the wrong order or from a clock that is wrong.
#include <algorithm>

#include "tests/unit/control_radius/login_book_fixture.h"

namespace weir::control::radius {
namespace {

constexpr const char* kOtherIp = "10.20.0.12";

// As a server sends that does not say when something was.
AccountingEvent Untold(AccountingEvent event) {
  event.time_is_told = false;
  return event;
}

// 802.1X: the machine logs in, then its user, by one Acct-Session-Id; the machine's stop comes
// last.
TEST_F(LoginBookTest, AStopIsNotThatOfWhoCameLaterByTheSameName) {
  Apply({Start("1", "host/pc", kIp, 0), Start("1", "anna", kIp, 100),
         Stop("1", "host/pc", kIp, 100, 0)});
  EXPECT_EQ(PresentNow(), "10.20.0.11 anna\n");
  Apply({Untold(Stop("1", "host/pc", kIp, 130, 0))});
  EXPECT_EQ(PresentNow(), "10.20.0.11 anna\n") << "it is the machine's, whenever it comes";
  EXPECT_EQ(Who(kIp, 99), "host/pc");
  EXPECT_EQ(Who(kIp, 100), "anna");
  // The same account, the number used again.
  Apply({Start("2", "ben", kOtherIp, 500), Stop("2", "ben", kOtherIp, 400, 300)});
  EXPECT_EQ(PresentNow(), "10.20.0.11 anna\n10.20.0.12 ben\n");
}

// A stop may name the account in another way than the start did.
TEST_F(LoginBookTest, AStopOfAnAccountThatWasNeverThereEndsTheSession) {
  Apply({Start("1", "anna", kIp, 100), Stop("1", "anna@campus", kIp, 400, 100)});
  EXPECT_EQ(PresentNow(), "");
  EXPECT_EQ(Who(kIp, 399), "anna");
  EXPECT_EQ(Who(kIp, 400), "");
}

// A session's name used again, at another address: in every order the same.
TEST_F(LoginBookTest, AnyOrderOfANameUsedAgainComesToTheSame) {
  std::vector<size_t> order{0, 1, 2, 3};
  int round = 0;
  do {
    const std::string name = std::to_string(++round);
    const std::string first = "10.40.0." + std::to_string(round);
    const std::string second = "10.41.0." + std::to_string(round);
    const std::vector<AccountingEvent> events{Start(name.c_str(), "anna", first.c_str(), 100),
                                              Stop(name.c_str(), "anna", first.c_str(), 150, 100),
                                              Start(name.c_str(), "ben", second.c_str(), 200),
                                              Stop(name.c_str(), "ben", second.c_str(), 300, 200)};
    for (const size_t i : order) Apply({events[i]});
    EXPECT_EQ(Who(first.c_str(), 149), "anna") << round;
    EXPECT_EQ(Who(first.c_str(), 150), "") << round;
    EXPECT_EQ(Who(second.c_str(), 200), "ben") << round;
    EXPECT_EQ(Who(second.c_str(), 299), "ben") << round;
    EXPECT_EQ(Who(second.c_str(), 300), "") << round;
  } while (std::next_permutation(order.begin(), order.end()));
  EXPECT_EQ(PresentNow(), "");
}

TEST_F(LoginBookTest, AStartThatIsToldLateEndsWhereTheNameIsAnothers) {
  Apply({Start("1", "ben", kOtherIp, 200), Start("1", "anna", kIp, 100)});
  EXPECT_EQ(PresentNow(), "10.20.0.12 ben\n");
  EXPECT_EQ(Who(kIp, 199), "anna");
  EXPECT_EQ(Who(kIp, 200), "");
}

// The stop has no address: it was there before any was known.
TEST_F(LoginBookTest, AStopBeforeItsStartEndsIt) {
  Apply({Event(AccountingStatus::kStop, "1", "anna", {}, 300)});
  Reopen();
  Apply({Start("1", "anna", kIp, 0)});
  EXPECT_EQ(PresentNow(), "");
  EXPECT_EQ(Who(kIp, 299), "anna");
  EXPECT_EQ(Who(kIp, 300), "");
  // Its name is used again behind that.
  Apply({Start("1", "anna", kIp, 400)});
  EXPECT_EQ(PresentNow(), "10.20.0.11 anna\n");
}

TEST_F(LoginBookTest, AStartFromBeforeTheServersRestartEndsWithIt) {
  Apply({Event(AccountingStatus::kOff, "", "", {}, 200), Start("1", "anna", kIp, 100)});
  EXPECT_EQ(PresentNow(), "");
  EXPECT_EQ(Who(kIp, 199), "anna");
  EXPECT_EQ(book_->HistoryOf("anna", 10)->at(0).cause, "nas-restart");
  Apply({Start("2", "ben", kIp, 200)});
  EXPECT_EQ(PresentNow(), "10.20.0.11 ben\n");
}

// Sent again as it was, by a server that does not say when: its time is that at which it came.
TEST_F(LoginBookTest, AStartThatIsSentAgainBehindTheStopBeginsNothing) {
  Apply({Untold(Stop("1", "anna", kIp, 30, 0)), Untold(Start("1", "anna", kIp, 31))});
  EXPECT_EQ(PresentNow(), "");
  EXPECT_EQ(Who(kIp, 29), "anna");
  EXPECT_EQ(Who(kIp, 31), "");
  // Long after that, or behind a restart, it is another session.
  Apply({Untold(Start("1", "anna", kIp, 100))});
  EXPECT_EQ(PresentNow(), "10.20.0.11 anna\n");
  Apply({Untold(Stop("1", "anna", kIp, 110, 100)), Event(AccountingStatus::kOn, "", "", {}, 120),
         Untold(Start("1", "anna", kIp, 130))});
  EXPECT_EQ(PresentNow(), "10.20.0.11 anna\n");
}

// A server whose clock is behind by forty minutes.
TEST_F(LoginBookTest, SilenceIsMeasuredByTheClockHere) {
  AccountingEvent start = Start("1", "anna", kIp, 100);
  start.interim_s = 600;
  start.heard = At(2500);
  Apply({start});
  EXPECT_EQ(*book_->Expire(At(2510), At(0)), 0U);
  AccountingEvent interim = Event(AccountingStatus::kInterim, "1", "anna", {kIp}, 700, 100);
  interim.heard = At(3100);
  Apply({interim});
  EXPECT_EQ(*book_->Expire(At(3100 + 1800), At(0)), 0U);
  EXPECT_EQ(*book_->Expire(At(3100 + 1801), At(0)), 1U);
  EXPECT_EQ(Who(kIp, 699), "anna");
}

TEST_F(LoginBookTest, ASessionThatWasSilentIsTheSameLogIn) {
  AccountingEvent start = Start("1", "anna", kIp, 100);
  start.interim_s = 60;
  Apply({start});
  EXPECT_EQ(*book_->Expire(At(1000), At(0)), 1U);
  const auto before = book_->ChangesAfter(0, 100);
  ASSERT_TRUE(before.ok());
  ASSERT_EQ(before->size(), 1U);
  // Without a word of how long it is.
  Apply({Event(AccountingStatus::kInterim, "1", "anna", {kIp}, 1100)});
  EXPECT_EQ(PresentNow(), "10.20.0.11 anna\n");
  EXPECT_EQ(Who(kIp, 500), "anna");
  const auto after = book_->ChangesAfter(before->back().number, 100);
  ASSERT_TRUE(after.ok());
  ASSERT_EQ(after->size(), 1U);
  EXPECT_EQ(after->back().id, before->back().id) << "the record is told of that log-in";
  EXPECT_FALSE(after->back().login.logout_time);
  Reopen();
  EXPECT_EQ(PresentNow(), "10.20.0.11 anna\n");
}

TEST_F(LoginBookTest, ASessionThatWasSilentDoesNotGoOnWhereAnotherHasBeen) {
  AccountingEvent start = Start("1", "anna", kIp, 100);
  start.interim_s = 60;
  Apply({start});
  EXPECT_EQ(*book_->Expire(At(1000), At(0)), 1U);
  Apply({Start("2", "ben", kIp, 400), Stop("2", "ben", kIp, 600, 400),
         Event(AccountingStatus::kInterim, "1", "anna", {kIp}, 1100, 100)});
  EXPECT_EQ(Who(kIp, 500), "ben");
  EXPECT_EQ(Who(kIp, 399), "anna");
  EXPECT_EQ(Who(kIp, 700), "") << "another log-in has ended it";
}

TEST_F(LoginBookTest, ForgetsWhatEndedLongAgoAndHasBeenRecorded) {
  Apply({Start("1", "anna", kIp, 0), Stop("1", "anna", kIp, 100, 0),
         Event(AccountingStatus::kStart, "2", "ben", {"2001:db8:1::/56"}, 200)});
  ASSERT_TRUE(book_->Forget(At(10'000), At(5000)).ok());
  EXPECT_EQ(Who(kIp, 50), "anna") << "the record has not been told of it";
  ASSERT_TRUE(book_->ForgetChanges(1000).ok());
  ASSERT_TRUE(book_->Forget(At(10'010), At(5000)).ok());
  EXPECT_EQ(Who(kIp, 50), "anna") << "once an hour";
  ASSERT_TRUE(book_->Forget(At(14'000), At(5000)).ok());
  EXPECT_EQ(Who(kIp, 50), "");
  Reopen();
  EXPECT_EQ(Who("2001:db8:1:9::1", 300), "ben") << "lengths of prefixes are known";
}

}  // namespace
}  // namespace weir::control::radius
