#include "control/clickhouse/row_stream.h"

#include "control/audit/bytes.h"
#include "control/clickhouse/http_connection.h"
#include "control/clickhouse/session_row.h"

namespace weir::control::clickhouse {
namespace {

constexpr std::string_view kWords = "Code: ";
constexpr size_t kWordsMax = 4096;

}  // namespace

bool RowStream::Take(std::string_view piece) {
  if (state_ == State::kWords) {
    pending_.append(piece.substr(0, kWordsMax - std::min(pending_.size(), kWordsMax)));
    return true;
  }
  if (state_ != State::kRows) return false;
  pending_ += piece;
  return TakeRows();
}

bool RowStream::TakeRows() {
  base::Cursor in(audit::AsBytes(pending_));
  size_t used = 0;
  while (!in.empty()) {
    audit::SessionRecord record;
    if (!GetSessionRow(in, record)) {
      pending_.erase(0, used);
      state_ =
          pending_.starts_with(kWords.substr(0, pending_.size())) ? State::kWords : State::kDamaged;
      return state_ == State::kWords;
    }
    if (!in.ok()) break;  // its rest is still to come
    used = in.offset();
    if (!visit_(record)) {
      state_ = State::kStopped;
      return false;
    }
  }
  pending_.erase(0, used);
  if (pending_.size() > kRowBytesMax) state_ = State::kDamaged;
  return state_ == State::kRows;
}

base::Status RowStream::Finish() const {
  switch (state_) {
    case State::kWords:
      return base::Error{"the answer broke off: " + ServerWords(pending_)};
    case State::kDamaged:
      return base::Error{"the answer is no session records"};
    case State::kRows:
      if (pending_.empty()) return {};
      return base::Error{"the answer broke off within a record"};
    case State::kStopped:
      return {};
  }
  return {};
}

}  // namespace weir::control::clickhouse
