#include "control/mail/smtp_sender.h"

#include <gmock/gmock.h>

#include <fstream>

#include "smtp_server.h"

namespace weir::control::mail {
namespace {

using testing::HasSubstr;
using testing::Not;
using testing::StartsWith;
using Server = testing_support::SmtpServer;

// Base64 of "\0weir\0secret"
constexpr const char* kLogin = "AHdlaXIAc2VjcmV0";

class SmtpSenderTest : public testing::Test {
 protected:
  SmtpSenderTest() {
    std::string pattern = testing::TempDir() + "weir-mail-XXXXXX";
    dir_ = mkdtemp(pattern.data());
    message_.from = "weir@campus.example";
    message_.to = "soc@campus.example";
    message_.subject = "Weir anchor";
    message_.text = "first\n.second\n";
    message_.id = "id";
    message_.date = base::WallTime{1'795'338'000'000'000'000};
  }
  ~SmtpSenderTest() override { std::filesystem::remove_all(dir_); }

  static SmtpServer ServerAt(const Server& server) {
    SmtpServer at;
    at.url = server.Url();
    return at;
  }
  // The same, whose certificate is trusted.
  SmtpServer TrustedAt(const Server& server) const {
    SmtpServer at = ServerAt(server);
    at.ca_file = dir_ / "ca.pem";
    std::ofstream(at.ca_file) << server.certificate();
    return at;
  }
  std::string ErrorOf(const SmtpServer& at) const {
    const auto sent = SmtpSender(at, stop_).Send(message_);
    return sent.ok() ? "sent" : sent.error().message;
  }

  std::filesystem::path dir_;
  Message message_;
  std::atomic<bool> stop_ = false;
};

TEST_F(SmtpSenderTest, TheMailIsWhatRfc5322Asks) {
  EXPECT_EQ(MessageText(message_),
            "Date: Sun, 22 Nov 2026 09:00:00 +0000\r\nFrom: <weir@campus.example>\r\n"
            "To: <soc@campus.example>\r\nSubject: Weir anchor\r\n"
            "Message-ID: <id@campus.example>\r\nMIME-Version: 1.0\r\n"
            "Content-Type: text/plain; charset=us-ascii\r\n"
            "Content-Transfer-Encoding: 7bit\r\nAuto-Submitted: auto-generated\r\n\r\n"
            "first\r\n.second\r\n");
}

TEST_F(SmtpSenderTest, GoesOverTlsAfterStartTls) {
  Server server({Server::Tls::kStartTls, kLogin, "", false});
  SmtpServer at = TrustedAt(server);
  at.user = "weir";
  at.password = "secret";
  EXPECT_EQ(ErrorOf(at), "sent");
  ASSERT_EQ(server.mails().size(), 1u);
  // A leading dot is doubled on the wire (RFC 5321 §4.5.2).
  std::string expected = MessageText(message_);
  expected.insert(expected.find(".second"), ".");
  EXPECT_EQ(server.mails()[0], expected);
  EXPECT_THAT(server.commands(), HasSubstr("MAIL FROM:<weir@campus.example>"));
  EXPECT_THAT(server.commands(), HasSubstr("RCPT TO:<soc@campus.example>"));
}

TEST_F(SmtpSenderTest, GoesOverTlsFromTheBegin) {
  Server server({Server::Tls::kFromTheBegin, "", "", false});
  EXPECT_EQ(ErrorOf(TrustedAt(server)), "sent");
  EXPECT_EQ(server.mails().size(), 1u);
}

TEST_F(SmtpSenderTest, WithoutTlsNothingIsSentUnlessItMay) {
  Server server({Server::Tls::kNone, "", "", false});
  SmtpServer at = ServerAt(server);
  EXPECT_THAT(ErrorOf(at), HasSubstr("it offers no TLS"));
  EXPECT_THAT(server.commands(), Not(HasSubstr("MAIL FROM")));
  at.tls_required = false;
  EXPECT_EQ(ErrorOf(at), "sent");
}

TEST_F(SmtpSenderTest, ACertificateThatNobodyTrustsIsRefused) {
  for (const auto tls : {Server::Tls::kStartTls, Server::Tls::kFromTheBegin}) {
    Server server({tls, "", "", false});
    SmtpServer at = ServerAt(server);
    EXPECT_THAT(ErrorOf(at), HasSubstr("certificate"));
    at.tls_required = false;  // it is offered, so it is checked
    EXPECT_THAT(ErrorOf(at), HasSubstr("certificate"));
    EXPECT_TRUE(server.mails().empty());
  }
}

TEST_F(SmtpSenderTest, SaysWhatTheServerRefuses) {
  Server login({Server::Tls::kStartTls, kLogin, "", false});
  SmtpServer at = TrustedAt(login);
  at.user = "weir";
  at.password = "wrong-secret";
  EXPECT_THAT(ErrorOf(at), HasSubstr("it refuses the user or the password"));
  EXPECT_THAT(ErrorOf(at), Not(HasSubstr("wrong-secret")));
  Server recipient({Server::Tls::kNone, "", "550 no such user here", false});
  at = ServerAt(recipient);
  at.tls_required = false;
  EXPECT_THAT(ErrorOf(at), HasSubstr("it answers 550"));
  EXPECT_TRUE(recipient.mails().empty());
}

TEST_F(SmtpSenderTest, AServerThatIsAwayIsAnErrorAndAStopEndsTheTransfer) {
  std::string url;
  {
    const Server gone({Server::Tls::kNone, "", "", false});
    url = gone.Url();
  }
  SmtpServer at;
  at.url = url;
  EXPECT_THAT(ErrorOf(at), StartsWith("mail by " + url));
  const Server silent({Server::Tls::kNone, "", "", true});
  at.url = silent.Url();
  stop_ = true;
  EXPECT_THAT(ErrorOf(at), HasSubstr("stopped"));
}

}  // namespace
}  // namespace weir::control::mail
