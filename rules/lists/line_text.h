// Words, comments and lines of a list's text. Pure; views into the text, nothing is copied.
#pragma once

#include <string>
#include <string_view>

namespace weir::rules {

inline bool IsBlank(char c) { return c == ' ' || c == '\t' || c == '\r'; }
std::string_view Trimmed(std::string_view text);

// Takes the first word, and the blanks before it, off `text`; "" at the end.
std::string_view TakeWord(std::string_view& text);

// Takes a line, and the LF behind it, off `text`; a CR before the LF is no part of the line.
std::string_view TakeLine(std::string_view& text);

// The text before the first `mark`, trimmed.
std::string_view Before(std::string_view text, char mark);

bool IsUtf8(std::string_view text);
bool SameWord(std::string_view a, std::string_view b);  // ASCII letters in any case
bool EndsWithWord(std::string_view text, std::string_view end);

// Whether a word is made as an address, a prefix or a range is, right or not: digits and dots, or
// hexadecimal digits with a colon. No host name is, for the last label of one is no number.
bool LooksLikeAddress(std::string_view word);

// For people to see: at most `bytes_max`, cut between characters, without control characters; bytes
// that are no UTF-8 become '?'.
std::string Shown(std::string_view text, size_t bytes_max);

// A decimal number of up to nine digits, and nothing else.
bool ParseNumber(std::string_view word, unsigned& out);

}  // namespace weir::rules
