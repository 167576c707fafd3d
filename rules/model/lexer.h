// One line of a rules file to words. Pure; used by the parser only.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace weir::rules {

enum class TokenKind : uint8_t {
  kWord,
  kText,     // "in quotation marks", without them, \" and \\ resolved
  kPattern,  // account:/…/, the part between the slashes as written
  kComma,
  kEquals,
  kEnd,
};

struct Token {
  TokenKind kind = TokenKind::kEnd;
  std::string text;
  uint32_t column = 0;  // from 1, in characters
};

// What is wrong with a line, and where.
struct Fault {
  uint32_t column = 0;
  std::string word;  // empty: the end of the line
  std::string advice;
};

// Fills `out` with the tokens of `line`, kEnd last. A comment runs from '#' to the end. On a fault
// `out` is of no use.
std::optional<Fault> Lex(std::string_view line, std::vector<Token>& out);

}  // namespace weir::rules
