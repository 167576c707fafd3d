// Log-ins reach the record, each change once, whatever stops in between.
#include "control/radius/login_recorder.h"

#include <gtest/gtest.h>
#include <stdlib.h>

#include <filesystem>

#include "control/audit/rocks_store.h"
#include "control/radius/login_book.h"
#include "tests/support/forwarding_store.h"

namespace weir::control::radius {
namespace {

base::WallTime At(int64_t seconds) { return {(1'790'000'000 + seconds) * base::kNsPerSecond}; }

AccountingEvent Event(AccountingStatus status, const char* session, const char* account,
                      const char* ip, int64_t at, int64_t login) {
  AccountingEvent event;
  event.status = status;
  event.nas = "10.0.0.2";
  event.nas_name = "bras-1";
  event.session = session;
  event.account = account;
  event.addresses.push_back(*base::IpAddress::Parse(ip));
  event.time = At(at);
  event.login = At(login);
  return event;
}

// Takes no more commits than it is told to.
class LimitedStore : public audit::ForwardingStore {
 public:
  using ForwardingStore::ForwardingStore;
  base::Status Commit(const audit::Batch& batch) override {
    if (left == 0) return base::Error{"disk full"};
    left--;
    return store_.Commit(batch);
  }
  int left = 0;
};

class LoginRecorderTest : public testing::Test {
 protected:
  LoginRecorderTest() {
    std::string name = std::filesystem::temp_directory_path() / "weir-recorder-XXXXXX";
    folder_ = mkdtemp(name.data());
    book_ = std::move(LoginBook::Open(folder_ / "accounts.db")).value();
    audit::RocksStore::Options options;
    options.dir = folder_ / "store";
    options.sync = false;
    store_ = std::move(audit::RocksStore::Open(options)).value();
  }
  ~LoginRecorderTest() override {
    store_.reset();
    book_.reset();
    std::filesystem::remove_all(folder_);
  }

  void Apply(const std::vector<AccountingEvent>& events) { ASSERT_TRUE(book_->Apply(events).ok()); }
  // "account seconds+seconds" of each record in the store, "…" for one that lasts.
  std::vector<std::string> Recorded() const {
    std::vector<std::string> found;
    const auto since = [](base::WallTime time) {
      return std::to_string((time.ns - At(0).ns) / base::kNsPerSecond);
    };
    EXPECT_TRUE(store_
                    ->Logins(0,
                             [&](const audit::SequencedLogin& sequenced) {
                               const auto& login = sequenced.login;
                               found.push_back(std::string(login.account) + " " +
                                               since(login.login_time) + "-" +
                                               (login.logout_time ? since(*login.logout_time)
                                                                  : std::string("now")));
                               return true;
                             })
                    .ok());
    return found;
  }
  void Run() {
    LoginRecorder recorder({book_.get()}, *store_, [](std::string_view) {});
    const auto ran = recorder.Run();
    ASSERT_TRUE(ran.ok()) << ran.error().message;
  }
  using Lines = std::vector<std::string>;

  std::filesystem::path folder_;
  std::unique_ptr<LoginBook> book_;
  std::unique_ptr<audit::RocksStore> store_;
};

TEST_F(LoginRecorderTest, RecordsTheLoginAndTheLogout) {
  Apply({Event(AccountingStatus::kStart, "a", "anna", "10.1.0.1", 10, 10)});
  Run();
  EXPECT_EQ(Recorded(), (Lines{"anna 10-now"}));
  Apply({Event(AccountingStatus::kInterim, "a", "anna", "10.1.0.1", 40, 10)});
  Run();
  EXPECT_EQ(Recorded().size(), 1u) << "an interim changes nothing of the record";
  Apply({Event(AccountingStatus::kStop, "a", "anna", "10.1.0.1", 90, 10)});
  Run();
  Run();
  EXPECT_EQ(Recorded(), (Lines{"anna 10-now", "anna 10-90"}));
}

TEST_F(LoginRecorderTest, WhatIsToldOtherwiseIsRecordedAnew) {
  Apply({Event(AccountingStatus::kStart, "a", "anna", "10.1.0.1", 10, 10),
         Event(AccountingStatus::kStart, "b", "ben", "10.1.0.1", 50, 50)});
  Run();
  EXPECT_EQ(Recorded(), (Lines{"anna 10-50", "ben 50-now"}));
  Apply({Event(AccountingStatus::kStop, "a", "anna", "10.1.0.1", 30, 10)});
  Run();
  EXPECT_EQ(Recorded(), (Lines{"anna 10-50", "ben 50-now", "anna 10-30"}));
}

TEST_F(LoginRecorderTest, AStoreThatTakesNothingLosesNothing) {
  Apply({Event(AccountingStatus::kStart, "a", "anna", "10.1.0.1", 10, 10)});
  LimitedStore limited(*store_);
  LoginRecorder recorder({book_.get()}, limited, [](std::string_view) {});
  EXPECT_FALSE(recorder.Run().ok());
  Apply({Event(AccountingStatus::kStart, "b", "ben", "10.1.0.2", 20, 20)});
  limited.left = 1;
  EXPECT_EQ(recorder.Run().value(), 2u);
  EXPECT_EQ(Recorded(), (Lines{"anna 10-now", "ben 20-now"}));
}

// Killed between the store's write and the book's: the changes are still in the book.
TEST_F(LoginRecorderTest, WhatTheStoreHasIsNotTakenAgain) {
  Apply({Event(AccountingStatus::kStart, "a", "anna", "10.1.0.1", 10, 10)});
  const auto changes = book_->ChangesAfter(0, 10);
  ASSERT_EQ(changes->size(), 1u);
  audit::Batch batch;
  audit::LoginRecord record;
  record.account = "anna";
  record.login_time = At(10);
  batch.logins.push_back(record);
  batch.login_position = std::to_string(changes->back().number);
  ASSERT_TRUE(store_->Commit(batch).ok());
  Run();
  EXPECT_EQ(Recorded().size(), 1u);
  EXPECT_EQ(book_->ChangesAfter(0, 10)->size(), 1u) << "not asked for, and so not forgotten";
}

TEST_F(LoginRecorderTest, ManyAreCarriedInChunks) {
  std::vector<AccountingEvent> events;
  for (int i = 0; i < 12'001; i++) {
    const std::string ip = "10.2." + std::to_string(i / 250) + "." + std::to_string(i % 250);
    events.push_back(Event(AccountingStatus::kStart, ("s" + std::to_string(i)).c_str(), "anna",
                           ip.c_str(), i, i));
  }
  Apply(events);
  Run();
  EXPECT_EQ(Recorded().size(), 12'001u);
  EXPECT_TRUE(book_->ChangesAfter(0, 10)->empty());
}

}  // namespace
}  // namespace weir::control::radius
