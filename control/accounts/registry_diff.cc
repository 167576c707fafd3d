#include "control/accounts/registry_diff.h"

#include <algorithm>
#include <iterator>

namespace weir::control::accounts {
namespace {

using Rows = std::vector<const RegistryRow*>;

bool IsLess(const RegistryRow* a, const RegistryRow* b) { return *a < *b; }

bool IsBefore(const RegistryRow& a, const RegistryRow& b) {
  if (a.ip != b.ip) return a.ip < b.ip;
  return a.ip.is_unspecified() && a.mac.bytes < b.mac.bytes;
}

Rows SortedOnce(const Registry& registry) {
  Rows rows;
  rows.reserve(registry.rows());
  for (size_t i = 0; i < registry.rows(); ++i) rows.push_back(&registry.row(i));
  std::sort(rows.begin(), rows.end(), IsLess);
  const auto same = [](const RegistryRow* a, const RegistryRow* b) { return *a == *b; };
  rows.erase(std::unique(rows.begin(), rows.end(), same), rows.end());
  return rows;
}

}  // namespace

std::vector<RowChange> Diff(const Registry& before, const Registry& after) {
  const Rows old_rows = SortedOnce(before);
  const Rows new_rows = SortedOnce(after);
  Rows gone;
  Rows come;
  std::set_difference(old_rows.begin(), old_rows.end(), new_rows.begin(), new_rows.end(),
                      std::back_inserter(gone), IsLess);
  std::set_difference(new_rows.begin(), new_rows.end(), old_rows.begin(), old_rows.end(),
                      std::back_inserter(come), IsLess);
  std::vector<RowChange> changes;
  auto was = gone.begin();
  auto is = come.begin();
  while (was != gone.end() || is != come.end()) {
    RowChange& change = changes.emplace_back();
    const bool takes_was = is == come.end() || (was != gone.end() && !IsBefore(**is, **was));
    const bool takes_is = was == gone.end() || (is != come.end() && !IsBefore(**was, **is));
    if (takes_was) change.before = **was++;
    if (takes_is) change.after = **is++;
  }
  return changes;
}

}  // namespace weir::control::accounts
