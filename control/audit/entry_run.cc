#include "control/audit/entry_run.h"

#include <algorithm>

#include "control/audit/bytes.h"

namespace weir::control::audit {
namespace {

constexpr size_t kBytesMax = size_t{1} << 30;  // of what is read back; damaged bytes may say more

}  // namespace

void EntryRun::Reserve(size_t entries, size_t bytes) {
  ends_.reserve(entries);
  bytes_.reserve(bytes);
}

void EntryRun::Append(std::string_view entry) {
  bytes_ += entry;
  ends_.push_back(static_cast<uint32_t>(bytes_.size()));
}

EntryRun EntryRun::Of(std::vector<std::string_view> entries) {
  std::sort(entries.begin(), entries.end());
  entries.erase(std::unique(entries.begin(), entries.end()), entries.end());
  size_t bytes = 0;
  for (const auto entry : entries) bytes += entry.size();
  EntryRun run;
  run.Reserve(entries.size(), bytes);
  for (const auto entry : entries) run.Append(entry);
  return run;
}

EntryRun EntryRun::Merged(const EntryRun& a, const EntryRun& b) {
  EntryRun merged;
  merged.Reserve(a.size() + b.size(), a.bytes_.size() + b.bytes_.size());
  size_t i = 0;
  size_t j = 0;
  while (i < a.size() && j < b.size()) {
    const int order = a[i].compare(b[j]);
    merged.Append(order <= 0 ? a[i] : b[j]);
    if (order <= 0) i++;
    if (order >= 0) j++;
  }
  for (; i < a.size(); i++) merged.Append(a[i]);
  for (; j < b.size(); j++) merged.Append(b[j]);
  return merged;
}

std::string EntryRun::Encode() const {
  std::string out;
  out.reserve(bytes_.size() / 2 + 16);
  PutVarint(out, size());
  std::string_view before;
  for (size_t i = 0; i < size(); i++) {
    const std::string_view entry = (*this)[i];
    const auto differs = std::mismatch(before.begin(), before.end(), entry.begin(), entry.end());
    const auto shared = static_cast<size_t>(differs.second - entry.begin());
    PutVarint(out, shared);
    PutString(out, entry.substr(shared));
    before = entry;
  }
  return out;
}

std::optional<EntryRun> EntryRun::Decode(std::string_view encoded) {
  base::Cursor in(AsBytes(encoded));
  const uint64_t count = GetVarint(in);
  if (!in.ok() || count > encoded.size()) return std::nullopt;
  EntryRun run;
  run.Reserve(count, encoded.size());
  std::string entry;
  for (uint64_t i = 0; i < count; i++) {
    const uint64_t shared = GetVarint(in);
    const std::string_view rest = GetString(in);
    if (!in.ok() || shared > entry.size()) return std::nullopt;
    entry.resize(shared);
    entry += rest;
    if (i > 0 && entry <= run[i - 1]) return std::nullopt;
    if (run.bytes_.size() + entry.size() > kBytesMax) return std::nullopt;
    run.Append(entry);
  }
  if (!in.empty()) return std::nullopt;
  return run;
}

size_t EntryRun::LowerBound(std::string_view floor) const {
  size_t begin = 0;
  size_t end = size();
  while (begin < end) {
    const size_t middle = begin + (end - begin) / 2;
    if ((*this)[middle] < floor) {
      begin = middle + 1;
    } else {
      end = middle;
    }
  }
  return begin;
}

}  // namespace weir::control::audit
