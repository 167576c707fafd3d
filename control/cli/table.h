// A table that fits the terminal: columns as wide as their longest cell, the widest cut when they
// do not all fit.
#pragma once

#include <string>
#include <vector>

namespace weir::control::cli {

class Table {
 public:
  explicit Table(std::vector<std::string> headers);

  // Cells beyond the headers are left out: a narrow table is one with fewer headers. Cells may hold
  // anything: they are made printable.
  void Add(std::vector<std::string> cells);
  bool empty() const { return rows_.size() == 1; }

  // Lines of at most `columns`, as long as a column can be cut at all.
  std::string Render(size_t columns) const;

 private:
  std::vector<size_t> Widths(size_t columns) const;

  std::vector<std::vector<std::string>> rows_;  // the headers first
};

}  // namespace weir::control::cli
