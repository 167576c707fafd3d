// A book of log-ins in a folder of its own, and the events that are put into it.
#pragma once

#include <gtest/gtest.h>
#include <stdlib.h>

#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "control/radius/login_book.h"

namespace weir::control::radius {

inline constexpr const char* kNas = "10.0.0.2";
inline constexpr const char* kOtherNas = "10.0.0.3";

// Seconds on some day.
inline base::WallTime At(int64_t seconds) {
  return {(1'790'000'000 + seconds) * base::kNsPerSecond};
}

class LoginBookTest : public testing::Test {
 protected:
  LoginBookTest() {
    std::string name = std::filesystem::temp_directory_path() / "weir-logins-XXXXXX";
    folder_ = mkdtemp(name.data());
    Reopen();
  }
  ~LoginBookTest() override {
    book_.reset();
    std::filesystem::remove_all(folder_);
  }

  void Reopen() {
    book_.reset();
    auto opened = LoginBook::Open(folder_ / "accounts.db");
    ASSERT_TRUE(opened.ok()) << (opened.ok() ? "" : opened.error().message);
    book_ = std::move(*opened);
  }

  static AccountingEvent Event(AccountingStatus status, const char* session, const char* account,
                               std::vector<const char*> addresses, int64_t at, int64_t login = -1) {
    AccountingEvent event;
    event.status = status;
    event.nas = kNas;
    event.nas_name = "bras-1";
    event.session = session;
    event.account = account;
    for (const char* address : addresses) {
      event.addresses.push_back(*base::IpPrefix::Parse(address));
    }
    event.time = event.heard = At(at);
    event.time_is_told = true;
    event.login = At(login < 0 ? at : login);
    return event;
  }
  static AccountingEvent Start(const char* session, const char* account, const char* ip,
                               int64_t at) {
    return Event(AccountingStatus::kStart, session, account, {ip}, at);
  }
  static AccountingEvent Stop(const char* session, const char* account, const char* ip, int64_t at,
                              int64_t login) {
    return Event(AccountingStatus::kStop, session, account, {ip}, at, login);
  }

  void Apply(const std::vector<AccountingEvent>& events) {
    const auto applied = book_->Apply(events);
    ASSERT_TRUE(applied.ok()) << (applied.ok() ? "" : applied.error().message);
  }

  // The account; "" for nobody.
  std::string Who(const char* ip, int64_t at) const {
    const auto login = book_->Find(*base::IpAddress::Parse(ip), At(at));
    return login ? login->account : "";
  }

  std::string PresentNow() const {
    std::string out;
    for (const auto& present : book_->PresentBindings()) {
      out += present.ip.ToString() + " " + present.account + "\n";
    }
    return out;
  }

  std::filesystem::path folder_;
  std::unique_ptr<LoginBook> book_;
};

inline constexpr const char* kIp = "10.20.0.11";

}  // namespace weir::control::radius
