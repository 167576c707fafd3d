// Catches what libraries print, so that a failed start shows one line instead of their pages.
//
// DPDK prints usage on stdout, getopt and libxdp write to stderr, and everything else goes to
// rte_log. Start-up and end only, by the main thread, while no other thread of Weir runs or prints.
#pragma once

#include <cstdio>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>

#include "dataplane/base/unique_fd.h"

namespace weir::port {

// While it lives, stdout and stderr go into memory.
class OutputCapture {
 public:
  OutputCapture();
  ~OutputCapture();
  OutputCapture(const OutputCapture&) = delete;
  OutputCapture& operator=(const OutputCapture&) = delete;

  // Ends the capture and returns what was printed.
  std::string Finish();

 private:
  base::UniqueFd memory_;
  base::UniqueFd stdout_;
  base::UniqueFd stderr_;
};

// The stream that rte_log writes into: the newest lines, up to a limit. Any thread writes, the main
// thread takes.
class LogBuffer {
 public:
  static constexpr size_t kBytesMax = 16 * 1024;

  LogBuffer();

  FILE* stream() { return stream_.get(); }
  std::string Take();
  void Write(std::string_view text);

 private:
  struct CloseStream {
    void operator()(FILE* file) const { std::fclose(file); }
  };

  std::mutex mutex_;
  std::string text_;  // guarded by mutex_
  std::unique_ptr<FILE, CloseStream> stream_;
};

// The line of a library's output that says why it failed, cleaned of prefixes: the first that looks
// like an error, else the last. Empty for empty output.
std::string ReasonIn(std::string_view output);

}  // namespace weir::port
