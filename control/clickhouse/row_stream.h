// Cuts an answer that comes in pieces into session records.
//
// A server that fails when it has sent rows already writes "Code: …" behind them: a row's mark
// tells the two apart. Holds one piece and one row at most. One thread, one answer.
#pragma once

#include <functional>
#include <string>
#include <string_view>

#include "control/audit/record.h"
#include "dataplane/base/result.h"

namespace weir::control::clickhouse {

inline constexpr size_t kRowBytesMax = 1 << 20;

class RowStream {
 public:
  // False to stop.
  using Visit = std::function<bool(const audit::SessionRecord&)>;
  explicit RowStream(Visit visit) : visit_(std::move(visit)) {}

  // False when no more is wanted: the visitor has stopped, or what came is no row.
  bool Take(std::string_view piece);
  // After the last piece: whether the answer was whole.
  base::Status Finish() const;

 private:
  enum class State : uint8_t { kRows, kWords, kStopped, kDamaged };

  bool TakeRows();

  const Visit visit_;
  State state_ = State::kRows;
  std::string pending_;
};

}  // namespace weir::control::clickhouse
