// One mail to one address, by one SMTP server (RFC 5321).
//
// Send() blocks for as long as the transfer takes, at most kTransferMaxS. One thread at a time;
// what it is given must outlive it.
#pragma once

#include <atomic>
#include <filesystem>
#include <string>

#include "dataplane/base/result.h"
#include "dataplane/base/time.h"

namespace weir::control::mail {

struct SmtpServer {
  std::string url;  // "smtps://host:465", or "smtp://host:25": TLS after STARTTLS
  // Of smtp: without STARTTLS nothing is sent. Else it is sent in the clear, and only then.
  bool tls_required = true;
  std::string user;  // empty: nobody logs in
  std::string password;
  std::filesystem::path ca_file;  // PEM; empty: whom the system trusts
};

struct Message {
  std::string from;  // an address, as are the next
  std::string to;
  std::string subject;  // ASCII, as is the text
  std::string text;     // lines that end in a line feed, of up to 998 bytes (RFC 5322 §2.1.1)
  std::string id;       // what is before the @ of the Message-ID
  base::WallTime date;
};

// As it goes over the wire: header, empty line, text, with CR LF.
std::string MessageText(const Message& message);

class SmtpSender {
 public:
  static constexpr long kConnectMaxS = 15;
  static constexpr long kTransferMaxS = 60;

  // A `stop` that becomes true ends the transfer within a second or so.
  SmtpSender(SmtpServer server, const std::atomic<bool>& stop);

  // Fails unless the server has taken it. It may have taken what seems to have failed.
  base::Status Send(const Message& message) const;

  const SmtpServer& server() const { return server_; }

 private:
  const SmtpServer server_;
  const std::atomic<bool>& stop_;
};

}  // namespace weir::control::mail
