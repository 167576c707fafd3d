#include "control/cli/progress_bar.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>

#include "control/cli/text.h"

namespace weir::control::cli {
namespace {

constexpr int64_t kEveryNs = base::kNsPerSecond / 5;
constexpr size_t kBarColumns = 24;

}  // namespace

std::string ProgressLine(const std::string& what, uint64_t done, uint64_t of, uint64_t count,
                         double seconds, size_t columns) {
  std::string line;
  const double share =
      of == 0 ? 0 : std::min(1.0, static_cast<double>(done) / static_cast<double>(of));
  if (of > 0) {
    const auto full = static_cast<size_t>(share * kBarColumns);
    line = "[" + std::string(full, '#') + std::string(kBarColumns - full, '-') + "]" +
           fmt::format(" {:3.0f} %  ", share * 100);
  }
  line += fmt::format("{} {}", ShortBytes(count), what);
  if (seconds > 0.5) {
    const double rate = static_cast<double>(count) / seconds;
    line += fmt::format("  {}/s", ShortBytes(static_cast<uint64_t>(rate)));
    if (share > 0.01) {
      const double left = seconds / share - seconds;
      line += "  " + ShortSeconds(static_cast<int64_t>(left)) + " left";
    }
  }
  return FitColumns(line, columns);
}

ProgressBar::ProgressBar(std::string what)
    : what_(std::move(what)), is_terminal_(::isatty(STDERR_FILENO) == 1), begun_(base::MonoNow()) {}

void ProgressBar::Show(uint64_t done, uint64_t of, uint64_t count) {
  const base::MonoTime now = base::MonoNow();
  if (!is_terminal_ || (visible_ && now.ns - shown_.ns < kEveryNs)) return;
  shown_ = now;
  visible_ = true;
  const double seconds = static_cast<double>(now.ns - begun_.ns) / base::kNsPerSecond;
  const size_t columns = TerminalColumns();
  const std::string line =
      ProgressLine(what_, done, of, count, seconds, columns == 0 ? 100 : columns - 1);
  std::fprintf(stderr, "\r%s\x1b[K", line.c_str());
  std::fflush(stderr);
}

void ProgressBar::Clear() {
  if (!visible_) return;
  visible_ = false;
  std::fputs("\r\x1b[K", stderr);
  std::fflush(stderr);
}

}  // namespace weir::control::cli
