#include "control/sealing/seal_parts.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <fstream>
#include <map>
#include <optional>
#include <sstream>
#include <system_error>

#include "control/sealing/durable_file.h"
#include "dataplane/base/sha256.h"

namespace weir::control::sealing {
namespace {

constexpr std::string_view kFirstLine = "weir parts 1\n";
constexpr size_t kDigits = 32;
constexpr size_t kShownMax = 5;

std::filesystem::path FileOf(const std::filesystem::path& dir, uint64_t seal) {
  return dir / "parts" / std::to_string(seal);
}

std::optional<NumberedClass> ClassNamed(std::string_view name) {
  for (size_t i = 0; i < kNumberedClasses; i++) {
    const auto numbered = static_cast<NumberedClass>(i);
    if (NumberedClassName(numbered) == name) return numbered;
  }
  return std::nullopt;
}

// The next word of a line whose words are separated by one blank each.
std::string_view TakeWord(std::string_view& line) {
  const size_t space = std::min(line.find(' '), line.size());
  const std::string_view word = line.substr(0, space);
  line.remove_prefix(std::min(space + 1, line.size()));
  return word;
}

bool TakeNumber(std::string_view& line, uint64_t& number) {
  const std::string_view word = TakeWord(line);
  const auto parsed = std::from_chars(word.data(), word.data() + word.size(), number);
  return !word.empty() && parsed.ec == std::errc() && parsed.ptr == word.data() + word.size();
}

bool TakeLine(std::string_view line, SealParts& parts) {
  const std::string_view what = TakeWord(line);
  Digest digest;
  uint64_t block = 0;
  const auto numbered = ClassNamed(what);
  const auto minute = base::ParseRfc3339(what);
  if (!numbered && !minute.ok()) return false;
  if (numbered && !TakeNumber(line, block)) return false;
  if (!TakeNumber(line, digest.records)) return false;
  digest.sha256 = TakeWord(line);
  if (digest.sha256.size() != kDigits || !line.empty()) return false;
  if (numbered) {
    parts.numbers.push_back({*numbered, block, digest});
  } else {
    parts.minutes.push_back({*minute, digest});
  }
  return true;
}

// What has become of a part, `was` and `is` being its records.
std::string Change(uint64_t was, uint64_t is) {
  if (is < was) return fmt::format("{} of {} missing", was - is, was);
  if (is > was) return fmt::format("{} added to {}", is - was, was);
  return fmt::format("changed among {}", was);
}

// Compares parts by their keys; `name` says which part a key is.
template <typename Key, typename Name>
std::string Differing(const std::map<Key, Digest>& was, const std::map<Key, Digest>& is,
                      const Name& name) {
  std::map<Key, std::string> changes;
  for (const auto& [key, digest] : was) {
    const auto found = is.find(key);
    const Digest now = found == is.end() ? Digest{} : found->second;
    if (now != digest) changes[key] = Change(digest.records, now.records);
  }
  for (const auto& [key, digest] : is) {
    if (!was.contains(key)) changes[key] = Change(0, digest.records);
  }
  std::string text;
  size_t shown = 0;
  for (const auto& [key, change] : changes) {
    if (shown == kShownMax) return text + fmt::format("; and {} more", changes.size() - shown);
    text += (shown++ == 0 ? "" : "; ") + name(key) + " " + change;
  }
  return text;
}

std::map<int64_t, Digest> ByMinute(const SealParts& parts) {
  std::map<int64_t, Digest> by_minute;
  for (const auto& minute : parts.minutes) by_minute[minute.from.ns] = minute.sessions;
  return by_minute;
}

std::map<uint64_t, Digest> ByBlock(NumberedClass numbered, const SealParts& parts) {
  std::map<uint64_t, Digest> by_block;
  for (const auto& numbers : parts.numbers) {
    if (numbers.numbered == numbered) by_block[numbers.block] = numbers.records;
  }
  return by_block;
}

}  // namespace

void PartGatherer::AddSession(base::WallTime start, std::string_view line) {
  const base::WallTime minute{start.ns - start.ns % kMinuteNs};
  if (digest_ == nullptr || parts_.minutes.back().from != minute) {
    Finish();
    lines_.emplace();
    digest_ = &parts_.minutes.emplace_back(SealParts::Minute{minute, {}}).sessions;
  }
  lines_->Add(line);
}

void PartGatherer::AddNumbered(NumberedClass numbered, uint64_t number, std::string_view line) {
  const uint64_t block = (number - 1) / kNumbersAPart;
  if (digest_ == nullptr || parts_.numbers.back().block != block) {
    Finish();
    lines_.emplace();
    digest_ = &parts_.numbers.emplace_back(SealParts::Numbers{numbered, block, {}}).records;
  }
  lines_->Add(line);
}

void PartGatherer::Finish() {
  if (digest_ == nullptr) return;
  *digest_ = {lines_->records(), lines_->Hex().substr(0, kDigits)};
  digest_ = nullptr;
}

std::string PartsText(const SealParts& parts) {
  std::string text(kFirstLine);
  for (const auto& minute : parts.minutes) {
    text += fmt::format("{} {} {}\n", base::FormatRfc3339(minute.from), minute.sessions.records,
                        minute.sessions.sha256);
  }
  for (const auto& numbers : parts.numbers) {
    text += fmt::format("{} {} {} {}\n", NumberedClassName(numbers.numbered), numbers.block,
                        numbers.records.records, numbers.records.sha256);
  }
  return text;
}

base::Result<SealParts> ParseParts(std::string_view text) {
  const base::Error fault{"they are not the text of parts"};
  if (!text.starts_with(kFirstLine)) return fault;
  SealParts parts;
  std::string_view rest = text.substr(kFirstLine.size());
  while (!rest.empty()) {
    const size_t end = rest.find('\n');
    if (end == rest.npos || !TakeLine(rest.substr(0, end), parts)) return fault;
    rest.remove_prefix(end + 1);
  }
  if (PartsText(parts) != text) return fault;
  return parts;
}

std::string MinutesThatDiffer(const SealParts& was, const SealParts& is) {
  return Differing(ByMinute(was), ByMinute(is), [](int64_t minute) {
    return "from " + base::FormatRfc3339({minute}).substr(11, 5) + " on";
  });
}

std::string NumbersThatDiffer(NumberedClass numbered, const SealParts& was, const SealParts& is) {
  return Differing(ByBlock(numbered, was), ByBlock(numbered, is), [](uint64_t block) {
    return fmt::format("of {} to {}", block * kNumbersAPart + 1, (block + 1) * kNumbersAPart);
  });
}

base::Status WriteParts(const std::filesystem::path& dir, uint64_t seal, std::string_view text) {
  const std::filesystem::path file = FileOf(dir, seal);
  std::error_code failed;
  std::filesystem::create_directory(file.parent_path(), failed);
  if (failed) {
    return base::Error{file.parent_path().string() + ": cannot be made: " + failed.message()};
  }
  return ReplaceFile(file, text, 0644);
}

base::Result<SealParts> ReadParts(const std::filesystem::path& dir, uint64_t seal,
                                  const std::string& sha256) {
  const std::filesystem::path file = FileOf(dir, seal);
  std::ifstream in(file, std::ios::binary);
  std::ostringstream read;
  read << in.rdbuf();
  if (!in) return base::Error{file.string() + " cannot be read"};
  const std::string text = std::move(read).str();
  if (base::Sha256Hex(text) != sha256) {
    return base::Error{file.string() + " is not what was sealed"};
  }
  return ParseParts(text);
}

void RemoveParts(const std::filesystem::path& dir, uint64_t seal) {
  std::error_code ignored;  // it narrows nothing down any more; what stays costs some kilobytes
  std::filesystem::remove(FileOf(dir, seal), ignored);
}

}  // namespace weir::control::sealing
