// From the journal to the answer: leases that ingest reads say whose sessions are, answer look-ups
// and reach the record, each change once.
#include <gmock/gmock.h>

#include "control/dhcp/lease_changes.h"
#include "control/radius/login_recorder.h"
#include "lease_fixture.h"
#include "tests/unit/control_ingest/journal_fixture.h"

namespace weir::control::dhcp {
namespace {

using ingest::Ingest;
using ingest::JournalMaker;
using ::testing::ElementsAre;

constexpr int kTimeoutMs = 60'000;

class LeaseRecordTest : public ingest::IngestDirectory {
 protected:
  LeaseRecordTest() {
    book_ = LeaseBook::Open(dir_ / "leases.db").value();
    accounts_.Use(*book_);
    accounts_.InstallRegistry(accounts::Registry::Parse("account,ip,mac,group,room,seat\n"
                                                        "anna,,02:00:00:00:00:0a,staff,B2,17\n"
                                                        "ben,10.1.0.2,,,,\n",
                                                        "a.csv")
                                  .value());
  }

  // Reads all that the journal has.
  void Read(audit::SessionStore& store, ingest::LeaseConsumer& leases) {
    Ingest::Options options;
    options.journal_dir = journal();
    options.batch_ms = 5;
    Ingest ingest(options, store, accounts_);
    ingest.SetConsumer(leases);
    ASSERT_TRUE(ingest.Start().ok());
    ASSERT_TRUE(ingest.WaitUntilCaughtUp(kTimeoutMs));
    counters_ = ingest.counters();
  }

  std::vector<std::string> Record(audit::SessionStore& store) {
    LeaseChanges changes(*book_, accounts_);
    radius::LoginRecorder recorder({&changes}, store, [](std::string_view) {});
    EXPECT_TRUE(recorder.Run().ok());
    std::vector<std::string> lines;
    const auto read = store.Logins(0, [&](const audit::SequencedLogin& sequenced) {
      const audit::LoginRecord& login = sequenced.login;
      EXPECT_EQ(login.source, static_cast<uint8_t>(accounts::BindingSource::kDhcp));
      lines.push_back(
          std::string(login.account) + "@" + login.ip.ToString() + " " +
          login.mac.ToString().substr(15) + " " + std::string(login.nas) + " '" +
          std::string(login.port) + "' " + std::string(login.room) + " " + Since(login.login_time) +
          "-" + (login.logout_time ? Since(*login.logout_time) : "now") + std::string(login.cause));
      return true;
    });
    EXPECT_TRUE(read.ok());
    return lines;
  }

  events::SessionEvent Session(uint64_t id, std::string_view ip, int64_t at) {
    events::SessionEvent event = ingest::MakeSession(id, 1);
    event.src_ip = Ip(ip);
    event.session_start = event.start = event.end = At(at);
    return event;
  }
  static std::vector<std::string> Accounts(audit::SessionStore& store) {
    std::vector<std::string> found;
    const auto read = store.Sessions({}, [&](const audit::SessionRecord& record) {
      found.push_back(std::to_string(record.event.session_id) + " " +
                      std::string(record.identity.account) + " " +
                      std::to_string(record.identity.source));
      return true;
    });
    EXPECT_TRUE(read.ok());
    std::sort(found.begin(), found.end());
    return found;
  }
  static void Add(JournalMaker& maker, const events::LeaseEvent& event) {
    maker.Add(event, events::EventType::kLease, events::LossClass::kSession);
  }

  std::unique_ptr<LeaseBook> book_;
  accounts::Directory accounts_;
  ingest::Counters counters_;
};

TEST_F(LeaseRecordTest, ASessionBehindItsLeaseInOneBatchHasItsAccount) {
  {
    JournalMaker maker(journal(), 1);
    Add(maker, Bound('a', "10.1.0.1", 10, 600, "eth1/7"));
    maker.Session(Session(1, "10.1.0.1", 11));
    maker.Session(Session(2, "10.1.0.1", 5));
    maker.Session(Session(3, "10.1.0.9", 11));
  }
  auto store = OpenStore();
  Read(*store, *book_);
  EXPECT_EQ(counters_.leases, 1U);
  EXPECT_THAT(Accounts(*store), ElementsAre("1 anna 3", "2  0", "3  0"));
  const auto binding = accounts_.Lookup(Ip("10.1.0.1"), {}, At(20));
  ASSERT_TRUE(binding.has_value());
  EXPECT_EQ(binding->account, "anna");
  EXPECT_EQ(binding->room, "B2");
  EXPECT_EQ(binding->source, accounts::BindingSource::kDhcp);
  EXPECT_EQ(binding->login_time, At(10));
}

TEST_F(LeaseRecordTest, LoginsOfDhcpReachTheRecordOnce) {
  {
    JournalMaker maker(journal(), 1);
    events::LeaseEvent relayed = Bound('a', "10.1.0.1", 10, 600, "eth1/7");
    relayed.relay = Ip("10.1.0.254");
    Add(maker, relayed);
    Add(maker, Bound('a', "10.1.0.1", 20, 600));
    events::LeaseEvent delegated = Bound('b', "2001:db8:1::/56", 30, 60);
    delegated.vlan = 20;
    Add(maker, delegated);
  }
  auto store = OpenStore();
  Read(*store, *book_);
  const std::string begun = "anna@10.1.0.1 0a 10.1.0.254 'eth1/7' B2 10-now";
  const std::string prefix = "@2001:db8:1:: 0b 10.0.0.5 'vlan 20 prefix /56'  30-";
  EXPECT_THAT(Record(*store), ElementsAre(begun, prefix + "now"));
  EXPECT_EQ(Record(*store).size(), 2U);
  {
    JournalMaker maker(journal(), 1);
    Add(maker, Released('a', "10.1.0.1", 50));
  }
  Read(*store, *book_);
  ASSERT_TRUE(book_->Expire(At(100), At(-1000)).ok());
  EXPECT_THAT(Record(*store), ElementsAre(begun, prefix + "now",
                                          "anna@10.1.0.1 0a 10.1.0.254 'eth1/7' B2 10-50released",
                                          prefix + "90expired"));
}

// A book that does not take leases holds the batch up, and its sessions are joined when it does.
TEST_F(LeaseRecordTest, WhileTheBookTakesNothingIngestWaits) {
  class Refusing : public ingest::LeaseConsumer {
   public:
    explicit Refusing(LeaseBook& book) : book_(book) {}
    base::Status Consume(std::span<const events::LeaseEvent> leases) override {
      if (++times < 3) return base::Error{"disk full"};
      return book_.Consume(leases);
    }
    int times = 0;

   private:
    LeaseBook& book_;
  };
  {
    JournalMaker maker(journal(), 1);
    Add(maker, Bound('a', "10.1.0.1", 10, 600));
    maker.Session(Session(1, "10.1.0.1", 11));
  }
  auto store = OpenStore();
  Refusing refusing(*book_);
  Read(*store, refusing);
  EXPECT_EQ(counters_.store_failures, 2U);
  EXPECT_EQ(counters_.leases, 1U);
  EXPECT_THAT(Accounts(*store), ElementsAre("1 anna 3"));
}

TEST_F(LeaseRecordTest, AnswersInTheOrderOfTrust) {
  ASSERT_TRUE(
      book_
          ->Consume(std::vector{Bound('a', "10.1.0.1", 10, 600), Bound('a', "10.1.0.2", 10, 600),
                                Bound('b', "10.1.0.3", 10, 600)})
          .ok());
  const auto who = [&](std::string_view ip, char packet_mac = 0) {
    const auto found =
        accounts_.Lookup(Ip(ip), packet_mac == 0 ? base::MacAddress() : MacOf(packet_mac), At(20));
    return found ? found->account + " " + std::string(BindingSourceName(found->source)) : "-";
  };
  EXPECT_EQ(who("10.1.0.1"), "anna dhcp");
  EXPECT_EQ(who("10.1.0.2"), "ben registry") << "a row of the address goes before";
  EXPECT_EQ(who("10.1.0.3"), "-") << "nobody's machine";
  EXPECT_EQ(who("10.1.0.3", 'a'), "anna registry") << "the packet's own MAC address comes last";
  ASSERT_TRUE(accounts_.LeaseAt(Ip("10.1.0.3"), At(20)).has_value());
  EXPECT_EQ(accounts_.LeaseAt(Ip("10.1.0.3"), At(20))->mac, MacOf('b'));
  EXPECT_THAT(accounts_.AddressesOf("anna", At(20)), ElementsAre(Ip("10.1.0.1")));
  EXPECT_THAT(accounts_.PresentBindings(), ElementsAre(accounts::Present{Ip("10.1.0.1"), "anna"},
                                                       accounts::Present{Ip("10.1.0.2"), "ben"}));
  const uint64_t generation = accounts_.generation();
  ASSERT_TRUE(book_->Consume(std::vector{Released('a', "10.1.0.1", 30)}).ok());
  EXPECT_GT(accounts_.generation(), generation);
  EXPECT_THAT(accounts_.PresentBindings(), ElementsAre(accounts::Present{Ip("10.1.0.2"), "ben"}));
}

TEST_F(LeaseRecordTest, ALoginGoesBeforeALease) {
  class AlwaysCarl : public accounts::LoginSource {
   public:
    std::optional<accounts::Bound> BindingAt(const base::IpPrefix& ip,
                                             base::WallTime) const override {
      if (ip != Ip("10.1.0.1")) return std::nullopt;
      accounts::Bound bound{ip, {}};
      bound.binding.account = "carl";
      bound.binding.source = accounts::BindingSource::kRadius;
      return bound;
    }
    std::vector<base::IpPrefix> AddressesOf(std::string_view account,
                                            base::WallTime) const override {
      if (account != "carl") return {};
      return {Ip("10.1.0.1")};
    }
    std::vector<base::IpPrefix> AddressesOf(const base::MacAddress&,
                                            base::WallTime) const override {
      return {};
    }
    std::vector<accounts::Present> PresentBindings() const override {
      return {{Ip("10.1.0.1"), "carl"}};
    }
    uint64_t generation() const override { return 1; }
  };
  const AlwaysCarl logins;
  accounts_.Use(logins);
  ASSERT_TRUE(book_->Consume(std::vector{Bound('a', "10.1.0.1", 10, 600)}).ok());
  EXPECT_EQ(accounts_.Lookup(Ip("10.1.0.1"), {}, At(20))->account, "carl");
  EXPECT_TRUE(accounts_.AddressesOf("anna", At(20)).empty());
  EXPECT_EQ(accounts_.PresentBindings().front().account, "carl");
}

// The record is one; each source goes its own pace in it.
TEST_F(LeaseRecordTest, TwoSourcesKeepTheirPlaces) {
  class OneLogin : public accounts::LoginChanges {
   public:
    accounts::BindingSource source() const override { return accounts::BindingSource::kRadius; }
    base::Result<std::vector<accounts::LoginChange>> ChangesAfter(int64_t after,
                                                                  size_t) const override {
      asked = after;
      std::vector<accounts::LoginChange> changes;
      if (after < 7) changes.push_back({7, 1, {}});
      return changes;
    }
    base::Status ForgetChanges(int64_t) override { return {}; }
    mutable int64_t asked = -1;
  };
  ASSERT_TRUE(book_->Consume(std::vector{Bound('a', "10.1.0.1", 10, 600)}).ok());
  auto store = OpenStore();
  OneLogin radius;
  LeaseChanges leases(*book_, accounts_);
  radius::LoginRecorder recorder({&radius, &leases}, *store, [](std::string_view) {});
  EXPECT_EQ(recorder.Run().value(), 2U);
  EXPECT_EQ(store->LoginPosition().value(), "7 1");
  EXPECT_EQ(recorder.Run().value(), 0U);
  EXPECT_EQ(radius.asked, 7);
}

}  // namespace
}  // namespace weir::control::dhcp
