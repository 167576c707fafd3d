#include "rules/lists/rpz_zone.h"

#include <algorithm>

#include "rules/lists/line_text.h"

namespace weir::rules {
namespace {

constexpr size_t kWordsMax = 64;  // of a record; nothing that is taken has more than seven

std::string LowerCase(std::string_view text) {
  std::string out(text);
  for (char& c : out) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c | 0x20);
  }
  return out;
}

bool IsClass(std::string_view word) {
  return SameWord(word, "IN") || SameWord(word, "CH") || SameWord(word, "HS");
}

// "3600", "1h30m"
bool IsTimeToLive(std::string_view word) {
  return word[0] >= '0' && word[0] <= '9' &&
         word.find_first_not_of("0123456789sSmMhHdDwW") == word.npos;
}

bool IsBelow(std::string_view name, std::string_view zone) {
  return name.size() > zone.size() && name.ends_with(zone) &&
         name[name.size() - zone.size() - 1] == '.';
}

}  // namespace

bool ZoneReader::TakeWords(std::string_view line) {
  while (true) {
    while (!line.empty() && IsBlank(line.front())) line.remove_prefix(1);
    if (line.empty()) return true;
    if (line.front() == '(' || line.front() == ')') {
      if (open_ == (line.front() == '(')) return false;
      open_ = line.front() == '(';
      line.remove_prefix(1);
      continue;
    }
    size_t end = 0;
    if (line.front() == '"') {
      end = line.find('"', 1);
      if (end == line.npos) return false;
      ++end;
    } else {
      while (end < line.size() && !IsBlank(line[end]) && line[end] != '(' && line[end] != ')')
        ++end;
    }
    if (words_.size() < kWordsMax) words_.push_back(line.substr(0, end));
    line.remove_prefix(end);
  }
}

void ZoneReader::GiveUp() {
  open_ = false;
  words_.clear();
}

ZoneReader::Outcome ZoneReader::Read(std::string_view line, ZoneRecord& record) {
  if (!open_) {
    words_.clear();
    owner_left_out_ = IsBlank(line.front());
  }
  if (!TakeWords(line)) {
    GiveUp();
    return Outcome::kNotUnderstood;
  }
  if (open_ || words_.empty()) return Outcome::kNothing;
  return words_[0].starts_with('$') ? Directive() : Record(record);
}

ZoneReader::Outcome ZoneReader::Directive() {
  if (SameWord(words_[0], "$TTL")) return Outcome::kNothing;
  if (!SameWord(words_[0], "$ORIGIN")) return Outcome::kUnsupported;
  if (words_.size() < 2) return Outcome::kNotUnderstood;
  origin_ = Absolute(words_[1]);
  has_origin_ = true;
  if (zone_.empty()) zone_ = origin_;
  return Outcome::kNothing;
}

ZoneReader::Outcome ZoneReader::Record(ZoneRecord& record) {
  size_t at = 0;
  if (!owner_left_out_) owner_ = words_[at++];
  while (at < words_.size() && (IsClass(words_[at]) || IsTimeToLive(words_[at]))) ++at;
  if (at + 2 > words_.size() || owner_.empty()) return Outcome::kNotUnderstood;
  record.type = words_[at];
  record.data = words_[at + 1];
  if (SameWord(record.type, "SOA")) {
    // The zone is where its SOA stands, whatever $ORIGIN was before.
    zone_ = Absolute(owner_);
    if (!has_origin_) origin_ = zone_;
    record.owner = {};
    return Outcome::kRecord;
  }
  return Relative(owner_, record.owner) ? Outcome::kRecord : Outcome::kNotUnderstood;
}

std::string ZoneReader::Absolute(std::string_view name) const {
  if (name == "@") return origin_;
  if (name.ends_with('.')) return LowerCase(name.substr(0, name.size() - 1));
  std::string absolute = LowerCase(name);
  if (!origin_.empty()) (absolute += '.') += origin_;
  return absolute;
}

bool ZoneReader::Relative(std::string_view owner, std::string_view& out) {
  const bool in_zone = !owner.ends_with('.') && owner != "@" && origin_ == zone_;
  if (in_zone) {
    out = owner;
    return true;
  }
  relative_ = Absolute(owner);
  if (relative_ == zone_) {
    out = {};
    return true;
  }
  if (zone_.empty()) {
    out = relative_;
    return true;
  }
  if (!IsBelow(relative_, zone_)) return false;
  out = std::string_view(relative_).substr(0, relative_.size() - zone_.size() - 1);
  return true;
}

}  // namespace weir::rules
