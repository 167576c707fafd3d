#include "control/sealing/anchor_mailer.h"

#include <gmock/gmock.h>

#include <fstream>

#include "sealing_fixture.h"
#include "tests/unit/control_mail/smtp_server.h"

namespace weir::control::sealing {
namespace {

using ::testing::Contains;
using ::testing::HasSubstr;
using ::testing::SizeIs;
using testing_support::SmtpServer;

constexpr double kMinute = 60;

class AnchorMailerTest : public SealingTest {
 protected:
  void OpenMailer(const std::string& url) {
    AnchorMailer::Options options;
    options.server.url = url;
    options.server.tls_required = false;
    options.from = "weir@campus.example";
    options.to = "soc@campus.example";
    options.state_file = dir_ / "mail.state";
    options.newest = [this] { return newest_; };
    options.log = [this](std::string_view line) { lines_.emplace_back(line); };
    auto mailer = AnchorMailer::Open(std::move(options));
    ASSERT_TRUE(mailer.ok()) << mailer.error().message;
    mailer_ = std::move(*mailer);
  }
  void SealedUpTo(uint64_t number) {
    newest_ = Anchor{std::string(32, 'a'), number, std::string(64, 'b')};
  }
  static std::vector<uint64_t> Numbers(const std::string& mail) {
    std::vector<uint64_t> numbers;
    const auto anchors = ParseAnchors(mail);
    if (!anchors.ok()) return numbers;
    for (const Anchor& anchor : *anchors) numbers.push_back(anchor.number);
    return numbers;
  }
  // Where nobody listens.
  static std::string UrlOfNobody() { return SmtpServer({}).Url(); }

  std::optional<Anchor> newest_;
  std::unique_ptr<AnchorMailer> mailer_;
};

TEST_F(AnchorMailerTest, MailsTheNewestOnceADay) {
  SmtpServer server({});
  OpenMailer(server.Url());
  EXPECT_TRUE(mailer_->Work(kNine).ok());
  EXPECT_THAT(server.mails(), SizeIs(0));  // there is no seal
  SealedUpTo(3);
  EXPECT_TRUE(mailer_->Work(After(kNine, kMinute)).ok());
  ASSERT_THAT(server.mails(), SizeIs(1));
  EXPECT_EQ(Numbers(server.mails()[0]), std::vector<uint64_t>{3});
  EXPECT_THAT(server.mails()[0], HasSubstr("Subject: Weir anchor of aaaaaaaa seal 3"));
  SealedUpTo(4);
  EXPECT_TRUE(mailer_->Work(After(kNine, kDay)).ok());
  EXPECT_THAT(server.mails(), SizeIs(1));
  // A restart does not make it due.
  OpenMailer(server.Url());
  EXPECT_EQ(mailer_->status().mailed, 3u);
  EXPECT_EQ(mailer_->status().last, After(kNine, kMinute));
  EXPECT_TRUE(mailer_->Work(After(kNine, kDay)).ok());
  EXPECT_THAT(server.mails(), SizeIs(1));
  EXPECT_TRUE(mailer_->Work(After(kNine, kDay + kMinute)).ok());
  EXPECT_THAT(server.mails(), SizeIs(2));
}

TEST_F(AnchorMailerTest, MailsAtOnceWhenAsked) {
  SmtpServer server({});
  OpenMailer(server.Url());
  EXPECT_FALSE(mailer_->SendNow(kNine).ok());
  SealedUpTo(5);
  EXPECT_TRUE(mailer_->SendNow(kNine).ok());
  EXPECT_TRUE(mailer_->SendNow(After(kNine, 1)).ok());
  EXPECT_THAT(server.mails(), SizeIs(2));
  EXPECT_EQ(mailer_->status().mails, 2u);
  EXPECT_EQ(mailer_->status().queued, 0u);
}

TEST_F(AnchorMailerTest, WhatFailsIsTriedAgainLaterAndLater) {
  OpenMailer(UrlOfNobody());
  SealedUpTo(1);
  EXPECT_FALSE(mailer_->Work(kNine).ok());
  EXPECT_EQ(mailer_->status().failures, 1u);
  EXPECT_EQ(mailer_->status().queued, 1u);
  EXPECT_THAT(lines_, Contains(HasSubstr("again in 60 s")));
  EXPECT_TRUE(mailer_->Work(After(kNine, 59)).ok());  // not yet
  EXPECT_EQ(mailer_->status().failures, 1u);
  EXPECT_FALSE(mailer_->Work(After(kNine, 60)).ok());
  EXPECT_TRUE(mailer_->Work(After(kNine, 60 + 119)).ok());
  EXPECT_FALSE(mailer_->Work(After(kNine, 60 + 120)).ok());
  double at = 180;
  for (int i = 0; i < 10; i++) EXPECT_FALSE(mailer_->Work(After(kNine, at += 3600)).ok());
  EXPECT_EQ(mailer_->status().failures, 13u);
  EXPECT_THAT(lines_, SizeIs(1));  // the same trouble is told once
}

TEST_F(AnchorMailerTest, TheQueueIsBoundedAndGoesAsOneMail) {
  OpenMailer(UrlOfNobody());
  const int days = static_cast<int>(AnchorMailer::kQueueMax) + 3;
  for (int day = 0; day < days; day++) {
    SealedUpTo(static_cast<uint64_t>(day) + 1);
    EXPECT_FALSE(mailer_->Work(After(kNine, day * kDay)).ok());
  }
  EXPECT_EQ(mailer_->status().queued, AnchorMailer::kQueueMax);
  EXPECT_EQ(mailer_->status().dropped, 3u);
  SmtpServer server({});
  // A server that is there again is another one here: the queue is of the process.
  OpenMailer(server.Url());
  SealedUpTo(50);
  EXPECT_TRUE(mailer_->Work(After(kNine, days * kDay)).ok());
  EXPECT_EQ(Numbers(server.mails().at(0)), std::vector<uint64_t>{50});
}

TEST_F(AnchorMailerTest, WhatHasWaitedGoesWithTheNext) {
  SmtpServer server({SmtpServer::Tls::kNone, "", "451 later", false});
  OpenMailer(server.Url());
  SealedUpTo(1);
  EXPECT_FALSE(mailer_->Work(kNine).ok());
  SealedUpTo(2);
  EXPECT_FALSE(mailer_->SendNow(After(kNine, 1)).ok());
  EXPECT_EQ(mailer_->status().queued, 2u);
  server.TakeRecipients();
  EXPECT_TRUE(mailer_->Work(After(kNine, 3600)).ok());
  EXPECT_EQ(Numbers(server.mails().at(0)), (std::vector<uint64_t>{1, 2}));
  EXPECT_EQ(mailer_->status().queued, 0u);
  EXPECT_EQ(mailer_->status().error, "");
  EXPECT_THAT(lines_, Contains(HasSubstr("sent again")));
}

TEST_F(AnchorMailerTest, AStateThatIsNotItsOwnIsRefused) {
  for (const char* text : {"", "weir anchor mail 1\n", "weir anchor mail 1\nmailed x y\n",
                           "weir anchor mail 1\nmailed 1 2026-11-22T09:00:00.000000Z\nmore\n"}) {
    std::ofstream(dir_ / "mail.state") << text;
    AnchorMailer::Options options;
    options.state_file = dir_ / "mail.state";
    EXPECT_FALSE(AnchorMailer::Open(std::move(options)).ok()) << text;
  }
}

// The whole way: from a seal by mail to a check of a record that was set back.
TEST_F(AnchorMailerTest, AMailFindsARecordThatWasSetBack) {
  SmtpServer server({});
  OpenMailer(server.Url());
  Commit({MakeSession(1, After(kNine, 60))});
  Work(After(kNine, 2 * kHour));
  Close();
  std::filesystem::copy(dir_ / "store", dir_ / "copy", std::filesystem::copy_options::recursive);
  std::filesystem::copy(dir_ / "seals", dir_ / "seals-copy");
  Open();
  Work(After(kNine, 3 * kHour));
  newest_ = sealer_->newest_anchor();
  ASSERT_TRUE(mailer_->SendNow(After(kNine, 3 * kHour)).ok());
  const auto anchors = ParseAnchors(server.mails().at(0)).value();
  EXPECT_TRUE(Check(anchors).good());
  Close();
  for (const auto* what : {"store", "seals"}) std::filesystem::remove_all(dir_ / what);
  std::filesystem::rename(dir_ / "copy", dir_ / "store");
  std::filesystem::rename(dir_ / "seals-copy", dir_ / "seals");
  Open();
  EXPECT_TRUE(Check().good());
  EXPECT_THAT(Text(Check(anchors)), Contains(HasSubstr("the record was set back")));
}

}  // namespace
}  // namespace weir::control::sealing
