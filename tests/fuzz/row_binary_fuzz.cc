// Answers of ClickHouse, in pieces of the first byte's size: what is a row reads the same however
// it is cut, and written again gives the bytes that it was read from.
#include <cstdint>
#include <string>
#include <vector>

#include "control/clickhouse/row_binary.h"
#include "control/clickhouse/row_stream.h"
#include "control/clickhouse/session_row.h"
#include "fuzz_check.h"

using namespace weir::control;

namespace {

struct Outcome {
  std::vector<std::string> rows;
  bool whole = false;
};

std::string Written(const audit::SessionRecord& record) {
  constexpr size_t kKeyColumns = 2 + 1 + 16 + 8;  // which are not selected
  std::string row;
  clickhouse::PutSessionRow(row, record);
  std::string out;
  clickhouse::PutLe(out, clickhouse::kRowMark);
  return out.append(row, kKeyColumns);
}

Outcome Read(std::string_view bytes, size_t piece_bytes) {
  Outcome outcome;
  clickhouse::RowStream stream([&](const audit::SessionRecord& record) {
    outcome.rows.push_back(Written(record));
    return true;
  });
  for (size_t at = 0; at < bytes.size(); at += piece_bytes) {
    if (!stream.Take(bytes.substr(at, piece_bytes))) break;
  }
  outcome.whole = stream.Finish().ok();
  return outcome;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size == 0) return 0;
  const std::string_view bytes(reinterpret_cast<const char*>(data) + 1, size - 1);
  const Outcome at_once = Read(bytes, size);
  const Outcome in_pieces = Read(bytes, size_t{1} + data[0]);
  FUZZ_CHECK(at_once.rows == in_pieces.rows);
  FUZZ_CHECK(at_once.whole == in_pieces.whole);
  size_t written = 0;
  for (const auto& row : at_once.rows) written += row.size();
  // A varint may be written longer than it need be: then the bytes read are more.
  FUZZ_CHECK(written <= bytes.size());
  FUZZ_CHECK(!at_once.whole || written > 0 || bytes.empty());
  return 0;
}
