#include "dataplane/classify/ndpi_names.h"

#include <gtest/gtest.h>

#include <algorithm>

namespace weir::classify {
namespace {

class NdpiNamesTest : public testing::Test {
 protected:
  static void SetUpTestSuite() { names_ = NdpiNames::Create().value(); }
  static void TearDownTestSuite() { names_.reset(); }

  static std::shared_ptr<const NdpiNames> names_;
};
std::shared_ptr<const NdpiNames> NdpiNamesTest::names_;

TEST_F(NdpiNamesTest, FindsAnApplicationInAnyCase) {
  const auto found = names_->FindApp("BitTorrent");
  ASSERT_TRUE(found.has_value());
  EXPECT_EQ(names_->FindApp("bittorrent"), found);
  EXPECT_EQ(names_->FindApp("BITTORRENT"), found);
  EXPECT_FALSE(names_->FindApp("BitTorren").has_value());
  EXPECT_FALSE(names_->FindApp("").has_value());
}

TEST_F(NdpiNamesTest, FindsACategoryInAnyCase) {
  ASSERT_TRUE(names_->FindCategory("vpn").has_value());
  EXPECT_EQ(names_->CategoryName(*names_->FindCategory("vpn")), "VPN");
}

TEST_F(NdpiNamesTest, KnowsNoNumberForUnknown) {
  EXPECT_FALSE(names_->FindApp("Unknown").has_value());
  EXPECT_FALSE(names_->FindCategory("Unspecified").has_value());
}

TEST_F(NdpiNamesTest, ListsEveryNameItFinds) {
  const auto apps = names_->AppNames();
  EXPECT_GT(apps.size(), 250U);
  for (const std::string& app : apps) EXPECT_TRUE(names_->FindApp(app).has_value()) << app;
  const auto categories = names_->CategoryNames();
  EXPECT_NE(std::find(categories.begin(), categories.end(), "VPN"), categories.end());
}

TEST_F(NdpiNamesTest, PrintsMasterAndApplicationAsNdpiDoes) {
  const uint16_t tls = names_->FindApp("TLS").value();
  const uint16_t youtube = names_->FindApp("YouTube").value();
  EXPECT_EQ(names_->AppName({.master = tls, .app = youtube}), "TLS.YouTube");
  EXPECT_EQ(names_->AppName({.master = 0, .app = tls}), "TLS");
  EXPECT_EQ(names_->AppName({.master = tls, .app = tls}), "TLS");
  EXPECT_EQ(names_->AppName({.master = tls, .app = 0}), "TLS");
}

TEST_F(NdpiNamesTest, PrintsNothingForUnknownAndForNumbersBeyondTheLast) {
  EXPECT_EQ(names_->AppName({}), "");
  EXPECT_EQ(names_->AppName({.master = 60000, .app = 1}), "");
  EXPECT_EQ(names_->AppName({.master = 1, .app = 60000}), "");
  EXPECT_EQ(names_->CategoryName(0), "");
  EXPECT_EQ(names_->CategoryName(60000), "");
}

}  // namespace
}  // namespace weir::classify
