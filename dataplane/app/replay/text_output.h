// A text file or standard output, written line by line. One thread.
#pragma once

#include <cstdio>
#include <memory>
#include <string>
#include <string_view>

#include "dataplane/base/result.h"

namespace weir::replay {

class TextOutput {
 public:
  // "-" is standard output. An existing file is replaced.
  static base::Result<std::unique_ptr<TextOutput>> Open(const std::string& path);
  ~TextOutput();
  TextOutput(const TextOutput&) = delete;
  TextOutput& operator=(const TextOutput&) = delete;

  // Errors are kept and told by Close().
  void WriteLine(std::string_view line);
  base::Status Close();

 private:
  TextOutput(std::string name, std::FILE* file) : name_(std::move(name)), file_(file) {}

  const std::string name_;
  std::FILE* file_;
  int error_ = 0;  // errno of the first write that failed
};

}  // namespace weir::replay
