#include "control/clickhouse/found_notes.h"

#include <fmt/format.h>

namespace weir::control::clickhouse {
namespace {

constexpr size_t kChunk = 10'000;

}  // namespace

base::Status FoundNotes::Add(const audit::SessionRecord& record) {
  const events::SessionEvent& event = record.event;
  keys_.push_back({audit::InsideIp(event), {event.start, event.session_id, event.part}});
  count_++;
  return keys_.size() < kChunk ? base::Status() : Write();
}

base::Status FoundNotes::Write() {
  if (keys_.empty()) return {};
  auto noted = local_.spool().NoteFound(day_, keys_);
  keys_.clear();
  return noted;
}

base::Result<bool> FoundNotes::Finish() {
  if (auto written = Write(); !written.ok()) return written.error();
  if (count_ == 0) return true;
  const auto late = local_.CountLate({audit::DayStart(day_), audit::DayStart(day_ + 1)});
  if (!late.ok()) return late.error();
  return late->records >= count_;
}

std::string FoundNotes::Words() const {
  if (count_ == 0) return "";
  return fmt::format("; {} of them this machine had lost, or an older version", count_);
}

}  // namespace weir::control::clickhouse
