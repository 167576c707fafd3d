#include "control/incidents/clock_profile.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>

namespace weir::control::incidents {
namespace {

class ClockProfiles : public testing::Test {
 protected:
  void SetUp() override {
    std::string pattern = testing::TempDir() + "weir-clocks-XXXXXX";
    ASSERT_NE(mkdtemp(pattern.data()), nullptr);
    dir_ = pattern;
  }
  void TearDown() override { std::filesystem::remove_all(dir_); }

  void Write(const std::string& name, const std::string& text) {
    std::ofstream(dir_ / name) << text;
  }
  base::Result<std::vector<ClockProfile>> Load(std::vector<std::string> ids) {
    const std::vector<std::filesystem::path> directories{dir_ / "none", dir_};
    return LoadClockProfiles(ids, directories);
  }

  std::filesystem::path dir_;
};

TEST_F(ClockProfiles, ShippedProfileIsWrittenForTheOperatorAndReadAgain) {
  const auto first = Load({"cn-police-24h"});
  ASSERT_TRUE(first.ok()) << first.error().message;
  EXPECT_EQ((*first)[0].report_within_hours, 24);
  EXPECT_EQ((*first)[0].recipient, "police");
  ASSERT_TRUE(std::filesystem::exists(dir_ / "cn-police-24h.toml"));
  Write("cn-police-24h.toml",
        "id='cn-police-24h'\ntitle='t'\nrecipient='police'\nunit='hours'\nreport_within=12\n");
  const auto edited = Load({"cn-police-24h"});
  ASSERT_TRUE(edited.ok());
  EXPECT_EQ((*edited)[0].report_within_hours, 12);
}

TEST_F(ClockProfiles, SeveralAtOnceKeepTheirOrder) {
  Write("b.toml", "id='b'\ntitle='t'\nrecipient='school'\nunit='hours'\nreport_within=2\n");
  Write("a.toml", "id='a'\ntitle='t'\nrecipient='provider'\nunit='hours'\nreport_within=1\n");
  const auto loaded = Load({"b", "a"});
  ASSERT_TRUE(loaded.ok()) << loaded.error().message;
  ASSERT_EQ(loaded->size(), 2u);
  EXPECT_EQ((*loaded)[0].id, "b");
  EXPECT_EQ((*loaded)[1].id, "a");
}

TEST_F(ClockProfiles, HoursRunOnAcrossAClockChange) {
  const ClockProfile clock{"c", "t", "police", 24};
  // The night Europe leaves summer time: still 24 hours later in UTC.
  const auto found = base::ParseRfc3339("2026-10-24T23:30:00Z");
  EXPECT_EQ(base::FormatRfc3339(clock.DueAfter(*found)), "2026-10-25T23:30:00.000000Z");
}

TEST_F(ClockProfiles, WhatIsNotSupportedYetIsRefusedByName) {
  const auto known = Load({"cn-spam"});
  ASSERT_FALSE(known.ok());
  EXPECT_EQ(known.error().message,
            "[incidents] profiles: the clock 'cn-spam' is not supported yet");
  Write("w.toml", "id='w'\ntitle='t'\nrecipient='r'\nunit='working-days'\nreport_within=1\n");
  const auto working_days = Load({"w"});
  ASSERT_FALSE(working_days.ok());
  EXPECT_NE(
      working_days.error().message.find("w.toml:4:6: working-day clocks are not supported yet"),
      std::string::npos)
      << working_days.error().message;
}

TEST_F(ClockProfiles, BadFilesAndIdsAreRefused) {
  const auto refused = [this](const std::string& text, const std::string& part) {
    Write("x.toml", text);
    const auto loaded = Load({"x"});
    ASSERT_FALSE(loaded.ok()) << text;
    EXPECT_NE(loaded.error().message.find(part), std::string::npos) << loaded.error().message;
  };
  refused("id='x'\n=\n", "x.toml:2:");
  refused("id='x'\nhours=3\n", "x.toml:2:1: unknown key 'hours'");
  refused("id='y'\ntitle='t'\nrecipient='r'\nunit='hours'\nreport_within=1\n",
          "holds the clock 'y'");
  refused("id='x'\ntitle='t'\nrecipient='r'\nunit='hours'\nreport_within=0\n", "report_within");
  refused("id='x'\ntitle='t'\nrecipient='r'\nunit='days'\nreport_within=1\n", "unit must be");
  refused("id='x'\ntitle=''\nrecipient='r'\nunit='hours'\nreport_within=1\n", "not empty");
  EXPECT_FALSE(Load({"../x"}).ok());
  EXPECT_FALSE(Load({"nowhere"}).ok());
  EXPECT_FALSE(Load({}).ok());
}

}  // namespace
}  // namespace weir::control::incidents
