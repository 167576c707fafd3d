// Requests in, in whatever order; who had an address at a moment out.
#include <algorithm>
#include <random>

#include "tests/unit/control_radius/login_book_fixture.h"

namespace weir::control::radius {
namespace {

TEST_F(LoginBookTest, BindsFromTheLoginToTheLogout) {
  Apply({Start("1", "anna", kIp, 100)});
  EXPECT_EQ(PresentNow(), "10.20.0.11 anna\n");
  EXPECT_EQ(Who(kIp, 99), "");
  EXPECT_EQ(Who(kIp, 100), "anna");
  EXPECT_EQ(Who(kIp, 5000), "anna");
  Apply({Stop("1", "anna", kIp, 200, 100)});
  EXPECT_EQ(PresentNow(), "");
  EXPECT_EQ(Who(kIp, 199), "anna");
  EXPECT_EQ(Who(kIp, 200), "");
  EXPECT_EQ(Who("10.20.0.12", 150), "");
}

TEST_F(LoginBookTest, KeepsEverythingOverARestart) {
  AccountingEvent start = Start("1", "anna", kIp, 100);
  start.mac = *base::MacAddress::Parse("02:00:5e:10:00:01");
  start.port = "eth1";
  start.interim_s = 300;
  AccountingEvent stop = Stop("2", "ben", "10.20.0.12", 50, 20);
  stop.cause = "user-request";
  Apply({start, stop});
  const auto before = book_->HistoryOf("anna", 10).value();
  Reopen();
  EXPECT_EQ(book_->HistoryOf("anna", 10).value(), before);
  EXPECT_EQ(before.at(0).mac, start.mac);
  EXPECT_EQ(before.at(0).port, "eth1");
  EXPECT_EQ(before.at(0).nas_name, "bras-1");
  EXPECT_EQ(book_->HistoryOf("ben", 10)->at(0).cause, "user-request");
  EXPECT_EQ(PresentNow(), "10.20.0.11 anna\n");
  EXPECT_EQ(Who("10.20.0.12", 30), "ben");
  EXPECT_EQ(Who("10.20.0.12", 60), "");
  Apply({Stop("1", "anna", kIp, 200, 100)});
  EXPECT_EQ(Who(kIp, 200), "");
}

TEST_F(LoginBookTest, WhatComesAgainChangesNothing) {
  const AccountingEvent start = Start("1", "anna", kIp, 100);
  const AccountingEvent stop = Stop("1", "anna", kIp, 200, 100);
  Apply({start, start});
  Apply({start});
  Apply({stop, stop});
  Apply({start, stop, start});
  EXPECT_EQ(book_->HistoryOf("anna", 10)->size(), 1U);
  EXPECT_EQ(PresentNow(), "");
  EXPECT_EQ(Who(kIp, 150), "anna");
}

TEST_F(LoginBookTest, BeginsWhatIsHeardOfLate) {
  Apply({Event(AccountingStatus::kInterim, "1", "anna", {kIp}, 700, 100)});
  EXPECT_EQ(Who(kIp, 100), "anna");
  Apply({Stop("2", "ben", "10.20.0.12", 900, 300)});
  EXPECT_EQ(Who("10.20.0.12", 300), "ben");
  EXPECT_EQ(Who("10.20.0.12", 900), "");
  // Its start comes at last, and is no other log-in.
  Apply({Start("2", "ben", "10.20.0.12", 300)});
  EXPECT_EQ(book_->HistoryOf("ben", 10)->size(), 1U);
}

TEST_F(LoginBookTest, AnAddressIsOneSessionsAtATime) {
  Apply({Start("1", "anna", kIp, 100), Start("2", "ben", kIp, 200)});
  EXPECT_EQ(Who(kIp, 199), "anna");
  EXPECT_EQ(Who(kIp, 200), "ben");
  EXPECT_EQ(PresentNow(), "10.20.0.11 ben\n");
  EXPECT_EQ(book_->HistoryOf("anna", 10)->at(0).cause, "superseded");
  // The stop of the first comes late, and says that it lasted longer; then that it was shorter.
  Apply({Stop("1", "anna", kIp, 250, 100)});
  EXPECT_EQ(Who(kIp, 199), "anna");
  EXPECT_EQ(Who(kIp, 220), "ben");
  EXPECT_EQ(PresentNow(), "10.20.0.11 ben\n");
  EXPECT_EQ(book_->HistoryOf("anna", 10)->size(), 1U);
  Apply({Event(AccountingStatus::kInterim, "1", "anna", {kIp}, 260, 100)});
  EXPECT_EQ(book_->HistoryOf("anna", 10)->size(), 1U);
  Apply({Start("3", "carl", "10.20.0.13", 100), Start("4", "dora", "10.20.0.13", 300),
         Stop("3", "carl", "10.20.0.13", 200, 100)});
  EXPECT_EQ(Who("10.20.0.13", 199), "carl");
  EXPECT_EQ(Who("10.20.0.13", 200), "");
  EXPECT_EQ(Who("10.20.0.13", 300), "dora");
}

TEST_F(LoginBookTest, AnEarlierLoginThatIsToldLateEndsWhereTheLaterBegins) {
  Apply({Start("2", "ben", kIp, 200)});
  Apply({Start("1", "anna", kIp, 100)});
  EXPECT_EQ(Who(kIp, 150), "anna");
  EXPECT_EQ(Who(kIp, 200), "ben");
  EXPECT_EQ(PresentNow(), "10.20.0.11 ben\n");
}

TEST_F(LoginBookTest, ASessionHasSeveralAddresses) {
  Apply({Event(AccountingStatus::kStart, "1", "anna", {kIp, "2001:db8::1"}, 100)});
  EXPECT_EQ(book_->AddressesOf("anna", At(150)).size(), 2U);
  // The interim names another IPv6 address, and one without any says nothing.
  Apply({Event(AccountingStatus::kInterim, "1", "anna", {}, 200, 100)});
  EXPECT_EQ(book_->AddressesOf("anna", At(250)).size(), 2U);
  Apply({Event(AccountingStatus::kInterim, "1", "anna", {kIp, "2001:db8::2"}, 300, 100)});
  EXPECT_EQ(Who("2001:db8::1", 299), "anna");
  EXPECT_EQ(Who("2001:db8::1", 300), "");
  EXPECT_EQ(Who("2001:db8::2", 199), "") << "it was heard of without it";
  EXPECT_EQ(Who("2001:db8::2", 200), "anna");
  EXPECT_EQ(Who(kIp, 300), "anna");
  Apply({Event(AccountingStatus::kStop, "1", "anna", {}, 400, 100)});
  EXPECT_EQ(PresentNow(), "");
}

TEST_F(LoginBookTest, ANasThatRestartsHasForgottenItsSessions) {
  AccountingEvent other = Start("1", "ben", "10.20.0.12", 100);
  other.nas = kOtherNas;
  Apply({Start("1", "anna", kIp, 100), other});
  Apply({Event(AccountingStatus::kOff, "", "", {}, 300)});
  EXPECT_EQ(PresentNow(), "10.20.0.12 ben\n");
  EXPECT_EQ(Who(kIp, 299), "anna");
  EXPECT_EQ(Who(kIp, 300), "");
  EXPECT_EQ(book_->HistoryOf("anna", 10)->at(0).cause, "nas-restart");
  // A session's name is used again.
  Apply({Start("1", "carl", kIp, 400)});
  EXPECT_EQ(PresentNow(), "10.20.0.11 carl\n10.20.0.12 ben\n");
  EXPECT_EQ(Who(kIp, 350), "");
}

TEST_F(LoginBookTest, AMissedStopEndsWithTheLastWord) {
  AccountingEvent start = Start("1", "anna", kIp, 100);
  start.interim_s = 60;
  Apply({start, Start("2", "ben", "10.20.0.12", 100)});
  Apply({Event(AccountingStatus::kInterim, "1", "anna", {kIp}, 160, 100)});
  EXPECT_EQ(*book_->Expire(At(160 + 180), At(0)), 0U);
  EXPECT_EQ(*book_->Expire(At(160 + 181), At(0)), 1U);
  EXPECT_EQ(PresentNow(), "10.20.0.12 ben\n");
  EXPECT_EQ(Who(kIp, 159), "anna");
  EXPECT_EQ(Who(kIp, 160), "");
  EXPECT_EQ(book_->HistoryOf("anna", 10)->at(0).cause, "missed-stop");
  EXPECT_EQ(*book_->Expire(At(100 + 86'400), At(0)), 0U);
  EXPECT_EQ(*book_->Expire(At(100 + 86'401), At(0)), 1U);
}

// While nobody listened nothing could be heard.
TEST_F(LoginBookTest, SilenceCountsFromWhenSomebodyListened) {
  AccountingEvent start = Start("1", "anna", kIp, 100);
  start.interim_s = 60;
  Apply({start});
  EXPECT_EQ(*book_->Expire(At(5180), At(5000)), 0U);
  EXPECT_EQ(*book_->Expire(At(5181), At(5000)), 1U);
  EXPECT_EQ(Who(kIp, 100), "");  // its last word was its first
}

// A server that has lost its count uses a session's name again.
TEST_F(LoginBookTest, ANameThatIsUsedAgainIsAnotherSession) {
  Apply({Start("1", "anna", kIp, 100), Start("1", "ben", "10.20.0.12", 200)});
  EXPECT_EQ(PresentNow(), "10.20.0.12 ben\n");
  EXPECT_EQ(Who(kIp, 199), "anna");
  Apply({Start("1", "carl", "10.20.0.12", 300)});
  EXPECT_EQ(PresentNow(), "10.20.0.12 carl\n");
  EXPECT_EQ(Who("10.20.0.12", 299), "ben");
  // Long after a stop was missed, a stop by the same name says nothing about that.
  AccountingEvent dora = Start("2", "dora", "10.20.0.14", 100);
  dora.interim_s = 60;
  Apply({dora});
  EXPECT_EQ(*book_->Expire(At(1000), At(0)), 1U);
  Apply({Start("2", "dora", "10.20.0.15", 500'000),
         Stop("2", "dora", "10.20.0.15", 500'600, 500'000)});
  EXPECT_EQ(Who("10.20.0.14", 400'000), "");
  EXPECT_EQ(Who("10.20.0.15", 500'100), "dora");
}

TEST_F(LoginBookTest, WithoutAnAccountNobodyIsBound) {
  Apply({Start("1", "", kIp, 100), Stop("2", "", "10.20.0.12", 300, 100)});
  EXPECT_EQ(PresentNow(), "");
  EXPECT_EQ(Who("10.20.0.12", 200), "");
  // A stop may be short of words.
  Apply({Start("3", "anna", kIp, 100), Stop("3", "", kIp, 200, 100)});
  EXPECT_EQ(PresentNow(), "");
  EXPECT_EQ(Who(kIp, 150), "anna");
}

TEST_F(LoginBookTest, AMissedStopThatComesAfterAllCounts) {
  AccountingEvent start = Start("1", "anna", kIp, 100);
  start.interim_s = 60;
  Apply({start});
  EXPECT_EQ(*book_->Expire(At(1000), At(0)), 1U);
  Apply({Stop("1", "anna", kIp, 800, 100)});
  EXPECT_EQ(Who(kIp, 799), "anna");
  EXPECT_EQ(Who(kIp, 800), "");
  EXPECT_EQ(book_->HistoryOf("anna", 10)->size(), 1U);
  // Or it was only silent.
  AccountingEvent other = Start("2", "ben", "10.20.0.12", 100);
  other.interim_s = 60;
  Apply({other});
  EXPECT_EQ(*book_->Expire(At(1000), At(0)), 1U);
  Apply({Event(AccountingStatus::kInterim, "2", "ben", {"10.20.0.12"}, 1100, 100)});
  EXPECT_EQ(PresentNow(), "10.20.0.12 ben\n");
  EXPECT_EQ(Who("10.20.0.12", 500), "ben");
  EXPECT_EQ(book_->HistoryOf("ben", 10)->size(), 1U);
}

TEST_F(LoginBookTest, KnowsWhoToldOfEach) {
  AccountingEvent by_portal = Start("10.20.0.7", "anna", "10.20.0.7", 100);
  by_portal.source = accounts::BindingSource::kPortal;
  Apply({by_portal, Start("1", "ben", "10.20.0.8", 100)});
  Reopen();
  const auto source = [&](const char* ip) {
    return book_->BindingAt(*base::IpAddress::Parse(ip), At(200))->binding.source;
  };
  EXPECT_EQ(source("10.20.0.7"), accounts::BindingSource::kPortal);
  EXPECT_EQ(source("10.20.0.8"), accounts::BindingSource::kRadius);
}

TEST_F(LoginBookTest, CountsWhatItCannotRead) {
  Apply({Start("1", "anna", "10.20.0.7", 100), Stop("1", "anna", "10.20.0.7", 200, 100)});
  EXPECT_EQ(Who("10.20.0.7", 150), "anna");
  EXPECT_EQ(book_->unreadable(), 0U);
  auto other = database::Database::Open(folder_ / "accounts.db").value();
  {
    database::Transaction breaks(*other, database::Transaction::Kind::kWrite);
    other->Exec("ALTER TABLE login RENAME TO elsewhere");
    ASSERT_TRUE(breaks.Commit().ok());
  }
  EXPECT_EQ(Who("10.20.0.7", 150), "");
  EXPECT_EQ(book_->unreadable(), 1U);
  EXPECT_FALSE(book_->HistoryOf("anna", 10).ok()) << "nobody is no answer to that";
}

// A batch that fails leaves nothing behind, and what was known before stays known.
TEST_F(LoginBookTest, ABatchThatFailsChangesNothing) {
  Apply({Start("1", "anna", "10.20.0.7", 100)});
  auto other = database::Database::Open(folder_ / "accounts.db").value();
  const auto change = [&](const char* sql) {
    database::Transaction transaction(*other, database::Transaction::Kind::kWrite);
    other->Exec(sql);
    ASSERT_TRUE(transaction.Commit().ok());
  };
  change("ALTER TABLE login RENAME TO elsewhere");
  const std::vector<AccountingEvent> batch = {
      Start("2", "ben", "10.20.0.8", 200), Start("3", "carl", "10.20.0.9", 200),
      Start("4", "dora", "10.20.0.8", 300), Stop("3", "carl", "10.20.0.9", 300, 200)};
  for (int i = 0; i < 3; ++i) EXPECT_FALSE(book_->Apply(batch).ok());
  EXPECT_FALSE(book_->Expire(At(400), At(0)).ok());
  EXPECT_EQ(book_->present(), 1U);
  EXPECT_EQ(Who("10.20.0.7", 150), "anna");
  change("ALTER TABLE elsewhere RENAME TO login");
  Apply(batch);
  EXPECT_EQ(Who("10.20.0.7", 350), "anna");
  EXPECT_EQ(Who("10.20.0.8", 250), "ben");
  EXPECT_EQ(Who("10.20.0.8", 350), "dora");
  EXPECT_EQ(book_->present(), 2U);
}

TEST_F(LoginBookTest, TheGenerationRisesWithEveryChange) {
  const uint64_t before = book_->generation();
  Apply({Start("1", "anna", kIp, 100)});
  EXPECT_GT(book_->generation(), before);
}

TEST_F(LoginBookTest, HistoryHasTheNewestFirst) {
  for (int i = 0; i < 5; ++i) {
    const std::string session = std::to_string(i);
    Apply({Start(session.c_str(), "anna", kIp, 100 * i),
           Stop(session.c_str(), "anna", kIp, 100 * i + 50, 100 * i)});
  }
  const auto history = book_->HistoryOf(*base::IpAddress::Parse(kIp), 3).value();
  ASSERT_EQ(history.size(), 3U);
  EXPECT_EQ(history[0].login_time, At(400));
  EXPECT_EQ(history[2].login_time, At(200));
}

TEST_F(LoginBookTest, HistoryIsOfATime) {
  Apply({Start("1", "anna", kIp, 100), Stop("1", "anna", kIp, 200, 100),
         Start("2", "ben", kIp, 300)});
  const auto who = [&](const accounts::Period& time) {
    const auto history = book_->HistoryOf(*base::IpAddress::Parse(kIp), 10, time).value();
    std::string names;
    for (const Login& login : history) names += login.account + " ";
    return names;
  };
  EXPECT_EQ(who({}), "ben anna ");
  EXPECT_EQ(who({At(199), At(301)}), "ben anna ");
  EXPECT_EQ(who({At(200), At(300)}), "") << "nobody was there between";
  EXPECT_EQ(who({At(0), At(100)}), "");
  EXPECT_EQ(who({At(5000), At(6000)}), "ben ");
  EXPECT_EQ(book_->HistoryOf("anna", 10, {At(150), At(160)})->size(), 1U);
  EXPECT_EQ(book_->HistoryOf("anna", 10, {At(250), At(260)})->size(), 0U);
}

TEST_F(LoginBookTest, TheHistoryOfAnAddressHasThePrefixesThatHoldIt) {
  Apply({Start("1", "anna", "2001:db8:1::/56", 100), Start("2", "ben", "2001:db8:1:7::5", 200),
         Stop("1", "anna", "2001:db8:1::/56", 300, 100)});
  for (const bool reopened : {false, true}) {
    if (reopened) Reopen();
    const auto history = book_->HistoryOf(*base::IpAddress::Parse("2001:db8:1:7::5"), 10).value();
    ASSERT_EQ(history.size(), 2U);
    EXPECT_EQ(history[0].account, "ben");
    EXPECT_EQ(history[1].account, "anna");
    EXPECT_EQ(book_->HistoryOf(*base::IpAddress::Parse("2001:db8:1:7::5"), 1)->size(), 1U);
    EXPECT_EQ(book_->HistoryOf(*base::IpAddress::Parse("2001:db8:1:8::5"), 10)->size(), 1U);
    EXPECT_EQ(book_->HistoryOf(*base::IpAddress::Parse("2001:db8:2::1"), 10)->size(), 0U);
  }
}

TEST_F(LoginBookTest, KnowsWhereAMachineIsLoggedIn) {
  const auto mac = *base::MacAddress::Parse("02:00:5e:10:00:01");
  AccountingEvent start = Event(AccountingStatus::kStart, "1", "anna", {kIp, "2001:db8::1"}, 100);
  start.mac = mac;
  AccountingEvent stop = start;
  stop.status = AccountingStatus::kStop;
  stop.time = At(200);
  Apply({start, Start("2", "ben", "10.20.0.12", 100)});
  EXPECT_EQ(book_->AddressesOf(mac, At(99)).size(), 0U);
  EXPECT_EQ(book_->AddressesOf(mac, At(100)).size(), 2U);
  Apply({stop});
  EXPECT_EQ(book_->AddressesOf(mac, At(199)).size(), 2U);
  EXPECT_EQ(book_->AddressesOf(mac, At(200)).size(), 0U);
  EXPECT_EQ(book_->AddressesOf(base::MacAddress(), At(150)).size(), 0U) << "ben's is not known";
  EXPECT_EQ(book_->HistoryOf(mac, 10)->size(), 2U);
  EXPECT_EQ(book_->HistoryOf(mac, 10, {At(200), At(300)})->size(), 0U);
}

// What the source has told of a log-in, and what the book has made of it.
TEST_F(LoginBookTest, TellsTheEndAndHowSureItIs) {
  const auto at = [&](const char* ip, int64_t seconds) {
    return book_->BindingAt(*base::IpAddress::Parse(ip), At(seconds)).value().binding;
  };
  AccountingEvent stop = Stop("1", "anna", kIp, 200, 100);
  stop.cause = "user-request";
  Apply({Start("1", "anna", kIp, 100)});
  EXPECT_FALSE(at(kIp, 150).until.has_value());
  EXPECT_EQ(at(kIp, 150).confidence, accounts::Confidence::kTold);
  Apply({stop, Event(AccountingStatus::kInterim, "2", "ben", {kIp}, 400, 300),
         Start("3", "carl", kIp, 500)});
  for (const bool reopened : {false, true}) {
    if (reopened) Reopen();
    const auto anna = at(kIp, 150);
    EXPECT_EQ(anna.until, At(200));
    EXPECT_EQ(anna.cause, "user-request");
    EXPECT_EQ(anna.confidence, accounts::Confidence::kTold);
    const auto ben = at(kIp, 350);
    EXPECT_EQ(ben.until, At(500));
    EXPECT_EQ(ben.cause, "superseded");
    EXPECT_EQ(ben.confidence, accounts::Confidence::kDerived);
    EXPECT_EQ(at(kIp, 500).confidence, accounts::Confidence::kTold);
  }
  Apply({Event(AccountingStatus::kInterim, "4", "dora", {"10.20.0.12"}, 700, 600)});
  EXPECT_EQ(at("10.20.0.12", 650).confidence, accounts::Confidence::kDerived)
      << "its start was not seen";
  ASSERT_TRUE(book_->Expire(At(500'000), At(0)).ok());
  EXPECT_EQ(at(kIp, 500 - 1).cause, "superseded");
  EXPECT_EQ(book_->HistoryOf("carl", 1)->at(0).cause, "missed-stop");
  EXPECT_EQ(ConfidenceOf(book_->HistoryOf("carl", 1)->at(0)), accounts::Confidence::kDerived);
  EXPECT_EQ(ConfidenceOf(book_->HistoryOf("anna", 1)->at(0)), accounts::Confidence::kTold);
}

TEST_F(LoginBookTest, APrefixHoldsItsAddressesUnlessOneIsSomebodysByItself) {
  Apply({Event(AccountingStatus::kStart, "1", "anna", {"10.20.0.1", "2001:db8:1::/56"}, 100),
         Start("2", "ben", "2001:db8:1:7::/64", 200), Start("3", "carl", "2001:db8:1:7::5", 300)});
  for (const bool reopened : {false, true}) {
    if (reopened) Reopen();
    EXPECT_EQ(Who("2001:db8:1:9::1", 350), "anna");
    EXPECT_EQ(Who("2001:db8:1:9::1", 99), "");
    EXPECT_EQ(Who("2001:db8:1:7::1", 150), "anna");
    EXPECT_EQ(Who("2001:db8:1:7::1", 350), "ben");
    EXPECT_EQ(Who("2001:db8:1:7::5", 250), "ben");
    EXPECT_EQ(Who("2001:db8:1:7::5", 350), "carl");
    EXPECT_EQ(Who("2001:db8:1:100::1", 350), "");
    EXPECT_EQ(PresentNow(),
              "10.20.0.1 anna\n2001:db8:1::/56 anna\n2001:db8:1:7::/64 ben\n"
              "2001:db8:1:7::5 carl\n");
    EXPECT_EQ(book_->AddressesOf("anna", At(350)).size(), 2U);
  }
  Apply({Stop("2", "ben", "2001:db8:1:7::/64", 400, 200)});
  EXPECT_EQ(Who("2001:db8:1:7::1", 399), "ben");
  EXPECT_EQ(Who("2001:db8:1:7::1", 400), "anna") << "hers all the while";
  Apply({Stop("1", "anna", "2001:db8:1::/56", 500, 100)});
  EXPECT_EQ(Who("2001:db8:1:7::1", 500), "");
  EXPECT_EQ(Who("2001:db8:1:9::1", 499), "anna");
}

// Acct-Session-Time says when the session began, not when it came to the address.
TEST_F(LoginBookTest, AnAddressNamedLaterTakesNothingFromItsOwnerBefore) {
  Apply({Start("1", "anna", "2001:db8::9", 50), Start("2", "ben", kIp, 100),
         Stop("1", "anna", "2001:db8::9", 250, 50),
         Event(AccountingStatus::kInterim, "2", "ben", {kIp, "2001:db8::9"}, 400, 100)});
  EXPECT_EQ(Who("2001:db8::9", 249), "anna");
  EXPECT_EQ(Who("2001:db8::9", 250), "ben");
  // Of a session whose start named no address, and of one that is known by its stop alone.
  Apply({Event(AccountingStatus::kInterim, "3", "carl", {"2001:db8::9"}, 600, 90),
         Stop("4", "dora", "2001:db8::9", 700, 80)});
  EXPECT_EQ(Who("2001:db8::9", 399), "ben") << "his own word";
  EXPECT_EQ(Who("2001:db8::9", 400), "carl");
  EXPECT_EQ(Who("2001:db8::9", 599), "carl");
  EXPECT_EQ(Who("2001:db8::9", 600), "dora");
  EXPECT_EQ(Who("2001:db8::9", 700), "");
}

// An access point that a client has left goes on about it; so may one whose start was not seen.
TEST_F(LoginBookTest, AnInterimTakesNothingFromWhoLoggedInLater) {
  Apply({Start("2", "ben", kIp, 550),
         Event(AccountingStatus::kInterim, "1", "anna", {kIp}, 600, 100)});
  EXPECT_EQ(Who(kIp, 549), "anna");
  EXPECT_EQ(Who(kIp, 550), "ben");
  EXPECT_EQ(PresentNow(), "10.20.0.11 ben\n");
  Apply({Event(AccountingStatus::kInterim, "1", "anna", {kIp}, 900, 100),
         Stop("1", "anna", kIp, 1000, 100)});
  EXPECT_EQ(PresentNow(), "10.20.0.11 ben\n");
}

TEST_F(LoginBookTest, AnInterimThatComesLateGivesNothingUp) {
  Apply({Start("1", "anna", kIp, 100),
         Event(AccountingStatus::kInterim, "1", "anna", {kIp, "2001:db8::1"}, 300, 100),
         Event(AccountingStatus::kInterim, "1", "anna", {kIp}, 200, 100),
         Start("1", "anna", kIp, 100)});
  EXPECT_EQ(Who("2001:db8::1", 300), "anna");
  EXPECT_EQ(PresentNow(), "10.20.0.11 anna\n2001:db8::1 anna\n");
}

// A proxy sends for two access servers that count their sessions alike.
TEST_F(LoginBookTest, ServersBehindOneSenderAreToldApart) {
  const auto from = [](const char* nas, AccountingEvent event) {
    event.nas = nas;
    return event;
  };
  Apply({from("10.0.0.5 10.1.0.1", Start("1", "anna", kIp, 100)),
         from("10.0.0.5 10.1.0.10", Start("1", "ben", "10.20.0.12", 110)),
         from("10.0.0.50", Start("1", "carl", "10.20.0.13", 120))});
  EXPECT_EQ(PresentNow(), "10.20.0.11 anna\n10.20.0.12 ben\n10.20.0.13 carl\n");
  Apply({from("10.0.0.5 10.1.0.1", Event(AccountingStatus::kOn, "", "", {}, 200))});
  EXPECT_EQ(PresentNow(), "10.20.0.12 ben\n10.20.0.13 carl\n");
  AccountingEvent all = from("10.0.0.5", Event(AccountingStatus::kOff, "", "", {}, 300));
  Apply({all});
  EXPECT_EQ(PresentNow(), "10.20.0.12 ben\n10.20.0.13 carl\n") << "it names itself";
  all.names_nas = false;
  Apply({all});
  EXPECT_EQ(PresentNow(), "10.20.0.13 carl\n");
}

// Acct-Delay-Time has whole seconds, so what is sent again may seem to be of another moment.
TEST_F(LoginBookTest, WhatIsSentAgainIsStoredOnce) {
  const auto later = [](AccountingEvent event) {
    event.time.ns += 900'000'000;
    event.login.ns += 900'000'000;
    return event;
  };
  const AccountingEvent start = Start("1", "anna", kIp, 100);
  const AccountingEvent stop = Stop("1", "anna", kIp, 200, 100);
  Apply({later(start), start, later(start), stop, later(stop), stop, start});
  EXPECT_EQ(book_->HistoryOf("anna", 10)->size(), 1U);
  EXPECT_EQ(Who(kIp, 150), "anna");
  EXPECT_EQ(Who(kIp, 203), "");
}

TEST_F(LoginBookTest, TheIntervalIsWhatInterimsKeepTo) {
  Apply({Start("1", "anna", kIp, 0), Start("2", "ben", "10.20.0.12", 0)});
  for (const int64_t at : {3, 303, 604, 902, 1203}) {
    Apply({Event(AccountingStatus::kInterim, "1", "anna", {kIp}, at, 0)});
  }
  // Told when something happens, and otherwise not.
  for (const int64_t at : {3, 500, 2500, 2700}) {
    Apply({Event(AccountingStatus::kInterim, "2", "ben", {"10.20.0.12"}, at, 0)});
  }
  ASSERT_TRUE(book_->Expire(At(1203 + 900), At(0)).ok());
  EXPECT_EQ(Who(kIp, 2100), "anna");
  ASSERT_TRUE(book_->Expire(At(1203 + 910), At(0)).ok());
  EXPECT_EQ(Who(kIp, 1202), "anna");
  EXPECT_EQ(Who(kIp, 1203), "");
  ASSERT_TRUE(book_->Expire(At(80'000), At(0)).ok());
  EXPECT_EQ(Who("10.20.0.12", 80'000), "ben");
}

// The next line's delegation, and an interim that names another one.
TEST_F(LoginBookTest, APrefixIsOneSessionsAtATime) {
  Apply({Start("1", "anna", "2001:db8:1::/56", 100), Start("2", "ben", "2001:db8:1::/56", 200)});
  EXPECT_EQ(Who("2001:db8:1:9::1", 199), "anna");
  EXPECT_EQ(Who("2001:db8:1:9::1", 200), "ben");
  EXPECT_EQ(book_->HistoryOf("anna", 10)->at(0).cause, "superseded");
  Apply({Event(AccountingStatus::kInterim, "2", "ben", {"2001:db8:2::/56"}, 300, 200)});
  EXPECT_EQ(Who("2001:db8:1:9::1", 300), "");
  EXPECT_EQ(Who("2001:db8:2:9::1", 300), "ben");
  EXPECT_EQ(book_->HistoryOf(*base::IpPrefix::Parse("2001:db8:1::/56"), 10)->size(), 2U);
}

// Sessions one after the other at one address, told in any order and some of it twice: at every
// moment the right one is found, and nobody where nobody was.
TEST_F(LoginBookTest, AnyOrderComesToTheSame) {
  constexpr int kSessions = 6;
  std::mt19937 random(std::random_device{}());
  for (int round = 0; round < 30; ++round) {
    const std::string ip = "10.30.0." + std::to_string(round + 1);
    std::vector<AccountingEvent> events;
    std::vector<std::string> names;
    for (int i = 0; i < kSessions; ++i) {
      names.push_back(std::to_string(round) + "-" + std::to_string(i));
      const int64_t login = 1000 * i;
      const int64_t logout = login + 600;
      events.push_back(Start(names.back().c_str(), names.back().c_str(), ip.c_str(), login));
      events.push_back(Stop(names.back().c_str(), names.back().c_str(), ip.c_str(), logout, login));
      if (random() % 2 == 0) events.push_back(events.back());
    }
    std::shuffle(events.begin(), events.end(), random);
    for (const AccountingEvent& event : events) Apply({event});
    for (int i = 0; i < kSessions; ++i) {
      EXPECT_EQ(Who(ip.c_str(), 1000 * i), names[static_cast<size_t>(i)]);
      EXPECT_EQ(Who(ip.c_str(), 1000 * i + 599), names[static_cast<size_t>(i)]);
      EXPECT_EQ(Who(ip.c_str(), 1000 * i + 600), "");
    }
  }
}

}  // namespace
}  // namespace weir::control::radius
