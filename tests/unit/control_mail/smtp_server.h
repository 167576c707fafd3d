// An SMTP server on loopback for one test: takes mails, over TLS where it is told to, and refuses
// what it is told to. Its certificate is of its own making, for "localhost".
#pragma once

#include <arpa/inet.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <atomic>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "dataplane/base/unique_fd.h"

namespace weir::control::testing_support {

class SmtpServer {
 public:
  enum class Tls : uint8_t { kNone, kStartTls, kFromTheBegin };
  struct Options {
    Tls tls = Tls::kNone;
    std::string login;  // Base64 of "\0user\0password" that AUTH PLAIN must give; empty: no AUTH
    std::string refuse_recipient;  // the answer to RCPT; empty: 250
    bool silent = false;           // says nothing until the test ends
  };

  explicit SmtpServer(Options options)
      : options_(std::move(options)),
        listener_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)),
        context_(SSL_CTX_new(TLS_server_method()), SSL_CTX_free) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t bytes = sizeof address;
    auto* generic = reinterpret_cast<sockaddr*>(&address);
    if (::bind(listener_.get(), generic, bytes) != 0 || ::listen(listener_.get(), 8) != 0 ||
        ::getsockname(listener_.get(), generic, &bytes) != 0 || !MakeCertificate()) {
      std::perror("SMTP server");
      std::abort();
    }
    port_ = ntohs(address.sin_port);
    thread_ = std::thread([this] { Run(); });
  }
  ~SmtpServer() {
    stopping_ = true;
    thread_.join();
  }
  SmtpServer(const SmtpServer&) = delete;
  SmtpServer& operator=(const SmtpServer&) = delete;

  std::string Url() const {
    const bool smtps = options_.tls == Tls::kFromTheBegin;
    return (smtps ? "smtps://localhost:" : "smtp://localhost:") + std::to_string(port_);
  }
  const std::string& certificate() const { return certificate_; }  // PEM
  std::vector<std::string> mails() const {
    const std::scoped_lock lock(mutex_);
    return mails_;
  }
  // From now on no recipient is refused.
  void TakeRecipients() { refuses_ = false; }
  // All commands, a line each.
  std::string commands() const {
    const std::scoped_lock lock(mutex_);
    return commands_;
  }

 private:
  struct Connection {
    int fd;
    SSL* tls = nullptr;
    std::string pending{};
  };

  bool MakeCertificate() {
    const std::unique_ptr<EVP_PKEY, decltype(&EVP_PKEY_free)> key(
        EVP_PKEY_Q_keygen(nullptr, nullptr, "EC", "P-256"), EVP_PKEY_free);
    const std::unique_ptr<X509, decltype(&X509_free)> made(X509_new(), X509_free);
    if (!key || !made) return false;
    X509_set_version(made.get(), 2);
    ASN1_INTEGER_set(X509_get_serialNumber(made.get()), 1);
    X509_gmtime_adj(X509_getm_notBefore(made.get()), -3600);
    X509_gmtime_adj(X509_getm_notAfter(made.get()), 3600);
    X509_NAME* const name = X509_get_subject_name(made.get());
    X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC,
                               reinterpret_cast<const unsigned char*>("localhost"), -1, -1, 0);
    X509_set_issuer_name(made.get(), name);
    X509_set_pubkey(made.get(), key.get());
    if (X509_sign(made.get(), key.get(), EVP_sha256()) == 0) return false;
    const std::unique_ptr<BIO, decltype(&BIO_free)> pem(BIO_new(BIO_s_mem()), BIO_free);
    PEM_write_bio_X509(pem.get(), made.get());
    char* data = nullptr;
    const long size = BIO_get_mem_data(pem.get(), &data);
    certificate_.assign(data, static_cast<size_t>(size));
    return SSL_CTX_use_certificate(context_.get(), made.get()) == 1 &&
           SSL_CTX_use_PrivateKey(context_.get(), key.get()) == 1;
  }

  bool Wait(int fd) const {
    while (!stopping_) {
      pollfd waits{fd, POLLIN, 0};
      if (::poll(&waits, 1, 20) > 0) return true;
    }
    return false;
  }

  void Run() {
    while (Wait(listener_.get())) {
      const base::UniqueFd client(::accept4(listener_.get(), nullptr, nullptr, SOCK_CLOEXEC));
      if (!client) continue;
      Connection connection{client.get()};
      if (options_.silent) {
        char byte = 0;
        while (Wait(client.get()) && ::read(client.get(), &byte, 1) > 0) continue;
      } else if (options_.tls != Tls::kFromTheBegin || StartTls(connection)) {
        Talk(connection);
      }
      SSL_free(connection.tls);
    }
  }

  bool StartTls(Connection& connection) {
    connection.tls = SSL_new(context_.get());
    SSL_set_fd(connection.tls, connection.fd);
    return Wait(connection.fd) && SSL_accept(connection.tls) == 1;
  }

  void Say(Connection& connection, std::string text) {
    text += "\r\n";
    const int size = static_cast<int>(text.size());
    if (connection.tls != nullptr) {
      static_cast<void>(SSL_write(connection.tls, text.data(), size));
    } else {
      static_cast<void>(::send(connection.fd, text.data(), text.size(), MSG_NOSIGNAL));
    }
  }

  // A line without its end; false: the other side has gone.
  bool Hear(Connection& connection, std::string& line) {
    for (size_t end = 0; (end = connection.pending.find("\r\n")) == std::string::npos;) {
      char piece[4096];
      const bool has_more = connection.tls != nullptr && SSL_pending(connection.tls) > 0;
      if (!has_more && !Wait(connection.fd)) return false;
      const long got = connection.tls != nullptr ? SSL_read(connection.tls, piece, sizeof piece)
                                                 : ::read(connection.fd, piece, sizeof piece);
      if (got <= 0) return false;
      connection.pending.append(piece, static_cast<size_t>(got));
    }
    const size_t end = connection.pending.find("\r\n");
    line = connection.pending.substr(0, end);
    connection.pending.erase(0, end + 2);
    return true;
  }

  void Talk(Connection& connection) {
    Say(connection, "220 localhost ESMTP");
    for (std::string line; Hear(connection, line);) {
      {
        const std::scoped_lock lock(mutex_);
        commands_ += line + "\n";
      }
      if (!Answer(connection, line)) return;
    }
  }

  bool Answer(Connection& connection, const std::string& line) {
    const auto is = [&line](std::string_view verb) { return line.starts_with(verb); };
    if (is("EHLO")) {
      const bool offers_tls = options_.tls == Tls::kStartTls && connection.tls == nullptr;
      if (offers_tls) Say(connection, "250-STARTTLS");
      if (!options_.login.empty()) Say(connection, "250-AUTH PLAIN");
      Say(connection, "250 8BITMIME");
    } else if (is("STARTTLS")) {
      Say(connection, "220 go on");
      return StartTls(connection);
    } else if (is("AUTH PLAIN")) {
      return Login(connection, line);
    } else if (is("RCPT") && refuses_ && !options_.refuse_recipient.empty()) {
      Say(connection, options_.refuse_recipient);
    } else if (is("DATA")) {
      Say(connection, "354 go on");
      return TakeMail(connection);
    } else if (is("QUIT")) {
      Say(connection, "221 bye");
      return false;
    } else {
      Say(connection, "250 ok");
    }
    return true;
  }

  bool Login(Connection& connection, const std::string& line) {
    std::string given = line.size() > 11 ? line.substr(11) : "";
    if (given.empty()) {
      Say(connection, "334 ");
      if (!Hear(connection, given)) return false;
    }
    Say(connection, given == options_.login ? "235 welcome" : "535 wrong");
    return true;
  }

  bool TakeMail(Connection& connection) {
    std::string mail;
    for (std::string line; Hear(connection, line);) {
      if (line == ".") {
        {
          const std::scoped_lock lock(mutex_);
          mails_.push_back(std::move(mail));
        }
        Say(connection, "250 taken");
        return true;
      }
      mail += line + "\r\n";
    }
    return false;
  }

  const Options options_;
  const base::UniqueFd listener_;
  const std::unique_ptr<SSL_CTX, decltype(&SSL_CTX_free)> context_;
  std::string certificate_;
  uint16_t port_ = 0;
  std::atomic<bool> stopping_ = false;
  std::atomic<bool> refuses_ = true;
  mutable std::mutex mutex_;
  std::vector<std::string> mails_;  // guarded by mutex_, as is the next
  std::string commands_;
  std::thread thread_;
};

}  // namespace weir::control::testing_support
