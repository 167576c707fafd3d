// A folder of a test's own, weir-replay in it, and what it leaves there.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "tests/golden/wire.h"

namespace weir::testing {

struct Ran {
  int exit_code = -1;
  std::string err;  // standard error
};

// A file's content; fails the test when it is not there.
std::string ReadFile(const std::string& path);

class Workspace {
 public:
  Workspace();
  ~Workspace();
  Workspace(const Workspace&) = delete;
  Workspace& operator=(const Workspace&) = delete;

  std::string Path(std::string_view name) const { return folder_ + "/" + std::string(name); }
  void Write(std::string_view name, std::string_view content) const;
  std::string Read(std::string_view name) const { return ReadFile(Path(name)); }

  // A pcap file; `link_type` is libpcap's DLT_ value, the frames' bytes are taken as they are.
  void WriteCapture(std::string_view name, const Wire& wire, int link_type = 1,
                    bool nanoseconds = false) const;
  std::vector<TimedFrame> ReadCapture(std::string_view name) const;

  // weir-replay, in this folder; `arguments` as a shell would read them.
  Ran Replay(const std::string& arguments) const;

 private:
  std::string folder_;
};

}  // namespace weir::testing
