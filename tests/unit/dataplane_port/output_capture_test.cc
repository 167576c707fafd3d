#include "dataplane/port/output_capture.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <thread>

namespace weir::port {
namespace {

TEST(OutputCapture, TakesWhatIsPrintedAndGivesTheOutputBack) {
  OutputCapture outer;
  std::string inner_text;
  {
    OutputCapture inner;
    std::fputs("to stdout\n", stdout);
    std::fputs("to stderr\n", stderr);
    EXPECT_EQ(::write(STDERR_FILENO, "raw\n", 4), 4);
    inner_text = inner.Finish();
  }
  std::fputs("after\n", stdout);
  EXPECT_EQ(outer.Finish(), "after\n");
  for (const char* line : {"to stdout\n", "to stderr\n", "raw\n"}) {
    EXPECT_NE(inner_text.find(line), std::string::npos) << inner_text;
  }
}

TEST(LogBuffer, KeepsTheNewestUpToItsLimit) {
  LogBuffer log;
  for (int i = 0; i < 5000; ++i) std::fprintf(log.stream(), "line %d\n", i);
  const std::string text = log.Take();
  EXPECT_LE(text.size(), LogBuffer::kBytesMax);
  EXPECT_NE(text.find("line 4999\n"), std::string::npos);
  EXPECT_EQ(log.Take(), "");
}

TEST(LogBuffer, TakesLinesFromSeveralThreads) {
  LogBuffer log;
  std::thread other([&log] {
    for (int i = 0; i < 100; ++i) std::fprintf(log.stream(), "other\n");
  });
  for (int i = 0; i < 100; ++i) std::fprintf(log.stream(), "main\n");
  other.join();
  const std::string text = log.Take();
  EXPECT_EQ(text.size(), 100 * std::string("other\n").size() + 100 * std::string("main\n").size());
}

TEST(ReasonIn, FindsTheLineThatSaysWhy) {
  EXPECT_EQ(ReasonIn("EAL: Detected CPU lcores: 2\n"
                     "xsk_configure(): Failed to create xsk socket.\n"
                     "EAL: Driver cannot attach the device (net_af_xdp0)\n"),
            "Failed to create xsk socket");
  EXPECT_EQ(ReasonIn("weir-dataplane: unrecognized option '--nonsense'\n\nUsage: x\n"),
            "unrecognized option '--nonsense'");
}

TEST(ReasonIn, TakesTheLastLineWhenNoneLooksLikeAnError) {
  EXPECT_EQ(ReasonIn("EAL: one\nEAL: two.\n"), "two");
  EXPECT_EQ(ReasonIn(""), "");
  EXPECT_EQ(ReasonIn("\n  \n"), "");
}

}  // namespace
}  // namespace weir::port
