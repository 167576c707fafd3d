#include "control/cli/table.h"

#include <algorithm>
#include <utility>

#include "control/cli/text.h"

namespace weir::control::cli {
namespace {

constexpr size_t kGap = 2;
constexpr size_t kColumnMin = 4;

}  // namespace

Table::Table(std::vector<std::string> headers) { rows_.push_back(std::move(headers)); }

void Table::Add(std::vector<std::string> cells) {
  cells.resize(rows_.front().size());
  for (std::string& cell : cells) {
    cell = Printable(cell);
    if (cell.empty()) cell.push_back('-');
  }
  rows_.push_back(std::move(cells));
}

std::vector<size_t> Table::Widths(size_t columns) const {
  std::vector<size_t> widths(rows_.front().size(), 0);
  for (const auto& row : rows_) {
    for (size_t index = 0; index < row.size(); ++index) {
      widths[index] = std::max(widths[index], TextColumns(row[index]));
    }
  }
  size_t total = kGap * (widths.size() - 1);
  for (const size_t width : widths) total += width;
  // What a row is told by, its time or id, stands first and is cut last of all.
  while (total > columns) {
    auto widest = std::max_element(widths.begin() + 1, widths.end());
    if (widest == widths.end() || *widest <= kColumnMin) widest = widths.begin();
    if (*widest <= kColumnMin) break;
    --*widest;
    --total;
  }
  return widths;
}

std::string Table::Render(size_t columns) const {
  const std::vector<size_t> widths = Widths(columns);
  std::string out;
  for (const auto& row : rows_) {
    std::string line;
    for (size_t index = 0; index < row.size(); ++index) {
      const std::string cell = FitColumns(row[index], widths[index]);
      line += cell;
      // The last column is not filled up: no blanks at the end of a line.
      if (index + 1 < row.size()) line.append(widths[index] - TextColumns(cell) + kGap, ' ');
    }
    out += line + "\n";
  }
  return out;
}

}  // namespace weir::control::cli
