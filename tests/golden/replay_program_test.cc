// The program itself: flags, pipes, exit codes, and one clear line for what is wrong.
#include <gtest/gtest.h>
#include <pcap/dlt.h>

#include <algorithm>
#include <filesystem>

#include "tests/golden/workspace.h"

namespace weir::testing {
namespace {

class ReplayProgram : public ::testing::Test {
 protected:
  void SetUp() override {
    Wire wire;
    BrowseHttp(wire, 40001, "www.example.test");
    work_.WriteCapture("in.pcap", wire);
    packets_ = wire.frames().size();
  }
  static size_t Lines(const std::string& text) {
    return static_cast<size_t>(std::count(text.begin(), text.end(), '\n'));
  }
  void ExpectRefused(const std::string& arguments, int exit_code, const std::string& why) {
    const Ran ran = work_.Replay(arguments);
    EXPECT_EQ(ran.exit_code, exit_code) << arguments;
    EXPECT_NE(ran.err.find(why), std::string::npos) << arguments << "\n" << ran.err;
  }

  Workspace work_;
  size_t packets_ = 0;
};

TEST_F(ReplayProgram, ReadsAndWritesPipes) {
  const Ran ran = work_.Replay("--sessions s --out - - <in.pcap >out.pcap");
  EXPECT_EQ(ran.exit_code, 0) << ran.err;
  EXPECT_EQ(work_.Read("out.pcap"), work_.Read("in.pcap"));
  EXPECT_EQ(Lines(work_.Read("s")), 2U);
}

TEST_F(ReplayProgram, KeepsWhatStandsBeforeACut) {
  std::filesystem::resize_file(work_.Path("in.pcap"),
                               std::filesystem::file_size(work_.Path("in.pcap")) - 5);
  const Ran ran = work_.Replay("--sessions s --out o in.pcap");
  EXPECT_EQ(ran.exit_code, 0);
  EXPECT_EQ(Lines(ran.err), 1U);
  EXPECT_NE(ran.err.find("in.pcap: stopped after " + std::to_string(packets_ - 1) + " records"),
            std::string::npos)
      << ran.err;
  EXPECT_EQ(Lines(work_.Read("s")), 2U);
  EXPECT_EQ(work_.ReadCapture("o").size(), packets_ - 1);
}

TEST_F(ReplayProgram, FailsWhereARecordContradictsItself) {
  std::string capture = work_.Read("in.pcap");
  const size_t captured_bytes_at = 24 + 8;  // the file's header; a record's two times
  capture.replace(captured_bytes_at, 4, "\xff\xff\xff\x7f");
  work_.Write("in.pcap", capture);
  const Ran ran = work_.Replay("--sessions s in.pcap");
  EXPECT_EQ(ran.exit_code, 1);
  EXPECT_NE(ran.err.find("stopped after 0 records"), std::string::npos) << ran.err;
}

TEST_F(ReplayProgram, GoesOnBehindABrokenInput) {
  work_.Write("junk.pcap", "this is no capture at all");
  const Ran ran = work_.Replay("--sessions s junk.pcap nowhere.pcap in.pcap");
  EXPECT_EQ(ran.exit_code, 1);
  EXPECT_EQ(Lines(ran.err), 2U) << ran.err;
  EXPECT_EQ(Lines(work_.Read("s")), 2U);
}

TEST_F(ReplayProgram, WritesAnEmptyCaptureWhenThereIsNothingToRead) {
  EXPECT_EQ(work_.Replay("--out o nowhere.pcap").exit_code, 1);
  EXPECT_TRUE(work_.ReadCapture("o").empty());
}

TEST_F(ReplayProgram, LeavesOutAnInputOfAnotherLinkType) {
  Wire raw;
  raw.Carry(FromHex("4500001400000000400000000a000001c0000201"));
  work_.WriteCapture("raw.pcap", raw, DLT_RAW);
  const Ran ran = work_.Replay("--out o in.pcap raw.pcap");
  EXPECT_EQ(ran.exit_code, 1);
  EXPECT_NE(ran.err.find("raw.pcap: its link type is Raw IP"), std::string::npos) << ran.err;
  EXPECT_EQ(work_.ReadCapture("o").size(), packets_);
  EXPECT_EQ(work_.Replay("in.pcap raw.pcap").exit_code, 0);  // without --out both are read
}

TEST_F(ReplayProgram, RefusesABadCommandLine) {
  ExpectRefused("", 2, "captures");
  ExpectRefused("--sessionz s in.pcap", 2, "--sessionz");
  ExpectRefused("--eve e.json in.pcap", 2, "--eve is not supported yet");
  ExpectRefused("--inside 10.20.0.0/99 in.pcap", 2, "--inside");
  ExpectRefused("--workers 0 in.pcap", 2, "--workers");
  ExpectRefused("--workers 65 in.pcap", 2, "--workers");
  ExpectRefused("--sessions x --events x in.pcap", 2, "two outputs to 'x'");
  ExpectRefused("--sessions - --out - in.pcap", 2, "two outputs to '-'");
  ExpectRefused("--out in.pcap in.pcap", 2, "it would be overwritten");
  ExpectRefused("- -", 2, "standard input can be read only once");
}

TEST_F(ReplayProgram, TellsWhatIsWrongWithTheRules) {
  work_.Write("bad.rules", "drop host ok.example\ndrop hots bad.example\n");
  ExpectRefused("--rules bad.rules in.pcap", 2, "bad.rules:2:6");
  ExpectRefused("--rules nowhere.rules in.pcap", 2, "nowhere.rules");
  work_.Write("app.rules", "drop app BitTorent\n");
  ExpectRefused("--rules app.rules in.pcap", 2, "BitTorent");
}

TEST_F(ReplayProgram, TellsWhatIsWrongWithTheAccounts) {
  work_.Write("accounts.csv", "account,ip,mac,group,room,seat\nalice,not-an-address,,,,\n");
  ExpectRefused("--accounts accounts.csv in.pcap", 2, "accounts.csv:2");
}

TEST_F(ReplayProgram, TellsWhenAnOutputCannotBeWritten) {
  ExpectRefused("--sessions /nowhere/s in.pcap", 2, "cannot write /nowhere/s");
  ExpectRefused("--sessions /dev/full in.pcap", 1, "cannot write /dev/full: No space left");
  ExpectRefused("--out /dev/full in.pcap", 1, "cannot write /dev/full: No space left");
}

TEST_F(ReplayProgram, ExplainsItself) {
  const Ran ran = work_.Replay("--help >help");
  EXPECT_EQ(ran.exit_code, 0);
  const std::string help = work_.Read("help");
  for (const char* flag : {"--rules", "--out", "--sessions", "--events", "--inside", "--accounts",
                           "--workers", "--summary"}) {
    EXPECT_NE(help.find(flag), std::string::npos) << flag;
  }
}

TEST_F(ReplayProgram, ReadsListsBesideTheRules) {
  work_.Write("bad.hosts", "# bad ones\n0.0.0.0 www.example.test\n");
  work_.Write("l.rules", "list bad from \"bad.hosts\" class harmful\ndrop list bad id listed\n");
  const Ran ran = work_.Replay("--rules l.rules --sessions s --events e in.pcap");
  ASSERT_EQ(ran.exit_code, 0) << ran.err;
  const std::string sessions = work_.Read("s");
  EXPECT_NE(sessions.find("\"rule\":\"listed\""), std::string::npos) << sessions;
  EXPECT_NE(sessions.find("\"list_line\":2"), std::string::npos) << sessions;
  EXPECT_NE(work_.Read("e").find("harmful"), std::string::npos);

  work_.Write("bad.hosts", "<html>404</html>\n");
  ExpectRefused("--rules l.rules in.pcap", 2, "l.rules:1:6: list 'bad': bad.hosts: ");
  work_.Write("u.rules", "list bad from \"https://lists.example/x\"\ndrop list bad\n");
  ExpectRefused("--rules u.rules in.pcap", 2, "was not fetched yet; a file would do");
}

TEST_F(ReplayProgram, TakesSeveralRulesFilesInOrder) {
  work_.Write("1.rules", "allow host www.example.test id first\n");
  work_.Write("2.rules", "drop host www.example.test id second\n");
  ASSERT_EQ(work_.Replay("--rules 1.rules --rules 2.rules --sessions s in.pcap").exit_code, 0);
  EXPECT_NE(work_.Read("s").find("\"rule\":\"first\""), std::string::npos);
  ASSERT_EQ(work_.Replay("--rules 2.rules --rules 1.rules --sessions s in.pcap").exit_code, 0);
  EXPECT_NE(work_.Read("s").find("\"rule\":\"second\""), std::string::npos);
}

}  // namespace
}  // namespace weir::testing
