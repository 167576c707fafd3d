#include "rules/lists/suricata_rule.h"

#include <algorithm>
#include <charconv>

#include "rules/lists/line_text.h"

namespace weir::rules {
namespace {

// A word, or all up to the bracket that closes the one in front.
std::string_view TakeHeaderWord(std::string_view& rest) {
  rest = Trimmed(rest);
  const bool list = rest.starts_with('[') || rest.starts_with("![");
  const size_t end = list ? rest.find(']') : std::min(rest.find_first_of(" \t"), rest.size());
  if (end == rest.npos) return {};
  const std::string_view word = rest.substr(0, list ? end + 1 : end);
  rest.remove_prefix(word.size());
  return word;
}

// The end of an option: a ';' outside of quotation marks and not escaped.
size_t FindOptionEnd(std::string_view text) {
  bool quoted = false;
  for (size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '\\') {
      ++i;
    } else if (text[i] == '"') {
      quoted = !quoted;
    } else if (text[i] == ';' && !quoted) {
      return i;
    }
  }
  return text.npos;
}

bool ReadHexBytes(std::string_view text, std::string& out) {
  for (std::string_view word = TakeWord(text); !word.empty(); word = TakeWord(text)) {
    for (; !word.empty(); word.remove_prefix(2)) {
      unsigned byte = 0;
      if (word.size() < 2) return false;
      const auto [end, fault] = std::from_chars(word.data(), word.data() + 2, byte, 16);
      if (fault != std::errc() || end != word.data() + 2) return false;
      out += static_cast<char>(byte);
    }
  }
  return true;
}

}  // namespace

bool ReadSuricataRule(std::string_view line, SuricataRule& rule) {
  line = Trimmed(line);
  const size_t open = line.find('(');
  if (open == line.npos || !line.ends_with(')')) return false;
  std::string_view header = line.substr(0, open);
  std::string_view body = line.substr(header.size() + 1);
  body.remove_suffix(1);

  rule.action = TakeHeaderWord(header);
  rule.protocol = TakeHeaderWord(header);
  rule.source = TakeHeaderWord(header);
  rule.source_port = TakeHeaderWord(header);
  const std::string_view arrow = TakeHeaderWord(header);
  rule.destination = TakeHeaderWord(header);
  rule.destination_port = TakeHeaderWord(header);
  if ((arrow != "->" && arrow != "<>") || rule.destination_port.empty()) return false;
  if (!Trimmed(header).empty()) return false;

  rule.options.clear();
  for (body = Trimmed(body); !body.empty(); body = Trimmed(body)) {
    const size_t end = FindOptionEnd(body);
    if (end == body.npos) return false;
    const std::string_view option = Trimmed(body.substr(0, end));
    body.remove_prefix(end + 1);
    const size_t colon = option.find(':');
    const std::string_view value = colon == option.npos ? "" : option.substr(colon + 1);
    rule.options.push_back({Before(option, ':'), Trimmed(value)});
  }
  return true;
}

bool ReadSuricataText(std::string_view value, std::string& out) {
  if (value.size() < 2 || !value.starts_with('"') || !value.ends_with('"')) return false;
  value = value.substr(1, value.size() - 2);
  out.clear();
  for (size_t i = 0; i < value.size(); ++i) {
    if (value[i] == '|') {
      const size_t end = value.find('|', i + 1);
      if (end == value.npos || !ReadHexBytes(value.substr(i + 1, end - i - 1), out)) return false;
      i = end;
      continue;
    }
    if (value[i] == '\\' && ++i == value.size()) return false;
    out += value[i];
  }
  return true;
}

bool ReadSuricataItems(std::string_view text, std::vector<std::string_view>& items) {
  items.clear();
  if (text.starts_with('[')) {
    if (!text.ends_with(']') || text.size() < 2) return false;
    text = text.substr(1, text.size() - 2);
  }
  if (text.find_first_of("[]") != text.npos) return false;
  while (true) {
    items.push_back(Before(text, ','));
    const size_t comma = text.find(',');
    if (comma == text.npos) return true;
    text.remove_prefix(comma + 1);
  }
}

}  // namespace weir::rules
