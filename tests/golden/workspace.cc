#include "tests/golden/workspace.h"

#include <gtest/gtest.h>
#include <sys/wait.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>

#include "dataplane/capture/capture_reader.h"
#include "dataplane/capture/capture_writer.h"

namespace weir::testing {

std::string ReadFile(const std::string& path) {
  const std::ifstream file(path, std::ios::binary);
  EXPECT_TRUE(file.is_open()) << path;
  std::ostringstream content;
  if (file.is_open()) content << file.rdbuf();
  return content.str();
}

Workspace::Workspace() : folder_(::testing::TempDir() + "weir-golden-XXXXXX") {
  EXPECT_NE(mkdtemp(folder_.data()), nullptr);
}

Workspace::~Workspace() {
  std::error_code ignored;
  std::filesystem::remove_all(folder_, ignored);
}

void Workspace::Write(std::string_view name, std::string_view content) const {
  std::ofstream(Path(name), std::ios::binary) << content;
}

void Workspace::WriteCapture(std::string_view name, const Wire& wire, int link_type,
                             bool nanoseconds) const {
  auto writer =
      capture::CaptureWriter::Open(Path(name), {.link_type = link_type, .nanoseconds = nanoseconds})
          .value();
  for (const TimedFrame& frame : wire.frames()) {
    EXPECT_TRUE(writer->Write(frame.time, frame.bytes, frame.wire_bytes).ok());
  }
  EXPECT_TRUE(writer->Close().ok());
}

std::vector<TimedFrame> Workspace::ReadCapture(std::string_view name) const {
  auto reader = capture::CaptureReader::Open(Path(name)).value();
  std::vector<TimedFrame> frames;
  capture::CaptureRecord record;
  while (reader->Next(record).value()) {
    frames.push_back(
        {record.time, {record.original.begin(), record.original.end()}, record.wire_bytes});
  }
  return frames;
}

Ran Workspace::Replay(const std::string& arguments) const {
  const std::string command =
      "cd '" + folder_ + "' && '" WEIR_REPLAY "' " + arguments + " 2>standard-error";
  const int status = std::system(command.c_str());
  return {WIFEXITED(status) ? WEXITSTATUS(status) : -1, Read("standard-error")};
}

}  // namespace weir::testing
