#include "control/policy/identity_publisher.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "tests/unit/control_policy/fake_dataplane.h"

namespace weir::control::policy {
namespace {

using Accounts = std::map<std::string, std::string>;
using testing_support::Eventually;
using testing_support::FakeDataplane;

class IdentityPublisherTest : public ::testing::Test {
 protected:
  IdentityPublisherTest() {
    std::string pattern = std::filesystem::temp_directory_path() / "weir-publisher-XXXXXX";
    dir_ = mkdtemp(pattern.data());
    dataplane_ = std::make_unique<FakeDataplane>(dir_ / "dp.sock");
    dataplane_->Start();
  }
  ~IdentityPublisherTest() override {
    dataplane_.reset();
    std::filesystem::remove_all(dir_);
  }

  // Looks only when a test says so; then nothing is waited for.
  IdentityPublisher Make(size_t batch_bytes_max = 1 << 20) {
    IdentityPublisher::Options options;
    options.dataplane_socket = dir_ / "dp.sock";
    options.idle_ms = 0;
    options.batch_bytes_max = batch_bytes_max;
    options.log = [](std::string_view) {};
    return {std::move(options), directory_, nullptr};
  }
  void Set(const Accounts& accounts) {
    std::string text = "account,ip,mac,group,room,seat\n";
    for (const auto& [ip, account] : accounts) text += account + "," + ip + ",,,,\n";
    directory_.InstallRegistry(*accounts::Registry::Parse(text, "t.csv"));
  }

  std::filesystem::path dir_;
  std::unique_ptr<FakeDataplane> dataplane_;
  accounts::Directory directory_;
};

TEST_F(IdentityPublisherTest, TellsAllAndThenWhatChanges) {
  auto publisher = Make();
  Set({{"10.0.0.1", "anna"}, {"10.0.0.2", "ben"}, {"2001:db8::1", "ben"}});
  publisher.Look();
  EXPECT_EQ(dataplane_->Accounts(),
            (Accounts{{"10.0.0.1", "anna"}, {"10.0.0.2", "ben"}, {"2001:db8::1", "ben"}}));
  EXPECT_TRUE(publisher.status().in_step);
  EXPECT_EQ(publisher.status().addresses, 3u);
  EXPECT_EQ(dataplane_->identity_changes(), 3u);
  Set({{"10.0.0.1", "carl"}, {"2001:db8::1", "ben"}, {"10.0.0.9", "dora"}});
  publisher.Look();
  EXPECT_EQ(dataplane_->Accounts(),
            (Accounts{{"10.0.0.1", "carl"}, {"2001:db8::1", "ben"}, {"10.0.0.9", "dora"}}));
  EXPECT_EQ(dataplane_->identity_changes(), 6u) << "the one that stays is not told again";
  publisher.Look();
  EXPECT_EQ(dataplane_->identity_changes(), 6u);
}

TEST_F(IdentityPublisherTest, TellsAllAgainAfterARestartAndAfterAGap) {
  auto publisher = Make();
  Set({{"10.0.0.1", "anna"}});
  publisher.Look();
  dataplane_->Stop();
  publisher.Look();
  EXPECT_FALSE(publisher.status().in_step);
  EXPECT_NE(publisher.status().error, "");
  dataplane_->Start();
  publisher.Look();
  EXPECT_TRUE(publisher.status().in_step);
  EXPECT_EQ(publisher.status().error, "");
  EXPECT_EQ(dataplane_->identity_changes(), 2u);
  dataplane_->LoseIdentityUpdate();
  Set({{"10.0.0.1", "anna"}, {"10.0.0.2", "ben"}});
  publisher.Look();
  EXPECT_EQ(dataplane_->Accounts(), (Accounts{{"10.0.0.1", "anna"}, {"10.0.0.2", "ben"}}));
  EXPECT_TRUE(publisher.status().in_step);
}

TEST_F(IdentityPublisherTest, AnEmptyUpdateFindsARestartThatNobodySaw) {
  auto publisher = Make();
  Set({{"10.0.0.1", "anna"}});
  publisher.Look();
  dataplane_->Stop();
  dataplane_->Start();
  publisher.Look();
  EXPECT_TRUE(publisher.status().in_step);
  EXPECT_EQ(dataplane_->identity_changes(), 2u) << "told everything again";
}

TEST_F(IdentityPublisherTest, CutsUpdatesIntoPieces) {
  auto publisher = Make(1000);
  Accounts many;
  for (int i = 0; i < 100; ++i) many[fmt::format("10.0.0.{}", i)] = "anna";
  Set(many);
  publisher.Look();
  EXPECT_EQ(dataplane_->Accounts(), many);
  EXPECT_GE(dataplane_->identity_updates(), 8u);
  EXPECT_LE(dataplane_->identity_updates(), 11u);
  for (auto& [ip, account] : many) account = "ben";
  Set(many);
  publisher.Look();
  EXPECT_EQ(dataplane_->Accounts(), many);
  EXPECT_TRUE(publisher.status().in_step);
  Set({});
  publisher.Look();
  EXPECT_EQ(dataplane_->Accounts(), Accounts());
}

TEST_F(IdentityPublisherTest, SaysWhatTheDataPlaneRefuses) {
  auto publisher = Make();
  dataplane_->AnswerOnly("{\"ok\":false,\"error\":\"no such thing\"}\n");
  publisher.Look();
  EXPECT_FALSE(publisher.status().in_step);
  EXPECT_EQ(publisher.status().error, "no such thing");
}

TEST_F(IdentityPublisherTest, ItsThreadTellsByItself) {
  auto publisher = Make();
  publisher.Start();
  Set({{"10.0.0.1", "anna"}});
  EXPECT_TRUE(Eventually([this] { return dataplane_->Accounts().size() == 1; }));
  publisher.Stop();
}

}  // namespace
}  // namespace weir::control::policy
