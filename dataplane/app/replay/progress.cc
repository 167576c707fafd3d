#include "dataplane/app/replay/progress.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>

namespace weir::replay {
namespace {

constexpr uint64_t kMuchBytes = uint64_t{32} << 20;
constexpr int64_t kEveryNs = 200 * base::kNsPerMs;
constexpr unsigned kBarCells = 30;

}  // namespace

Progress::Progress(uint64_t bytes_in_all)
    : bytes_in_all_(bytes_in_all),
      shown_(bytes_in_all >= kMuchBytes && isatty(STDERR_FILENO) == 1),
      start_(base::MonoNow()) {}

Progress::~Progress() { Clear(); }

void Progress::Show(uint64_t bytes_done) {
  if (!shown_) return;
  const base::MonoTime now = base::MonoNow();
  if (now < next_) return;
  next_.ns = now.ns + kEveryNs;
  const double done =
      std::min(1.0, static_cast<double>(bytes_done) / static_cast<double>(bytes_in_all_));
  const double seconds = static_cast<double>(now.ns - start_.ns) / base::kNsPerSecond;
  const double left_s = done > 0 ? seconds / done - seconds : 0;
  const auto cells = static_cast<unsigned>(done * kBarCells);
  fmt::print(stderr, "\r[{:#<{}}{:{}}] {:3.0f} %  {:.0f} MB/s  {:.0f} s left ", "", cells, "",
             kBarCells - cells, done * 100, static_cast<double>(bytes_done) / 1e6 / seconds,
             left_s);
  std::fflush(stderr);
  on_screen_ = true;
}

void Progress::Clear() {
  if (!on_screen_) return;
  fmt::print(stderr, "\r\x1b[K");
  std::fflush(stderr);
  on_screen_ = false;
}

}  // namespace weir::replay
