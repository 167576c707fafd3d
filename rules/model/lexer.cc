#include "rules/model/lexer.h"

#include <fmt/format.h>

#include "dataplane/base/utf8.h"

namespace weir::rules {
namespace {

constexpr std::string_view kPatternStart = "account:/";
constexpr std::string_view kWordEnds = " \t,=\"#";

class Lexer {
 public:
  Lexer(std::string_view line, std::vector<Token>& out) : rest_(line), out_(out) {}

  std::optional<Fault> Run() {
    if (auto fault = CheckCharacters()) return fault;
    out_.clear();
    for (SkipSpace(); !rest_.empty() && rest_[0] != '#'; SkipSpace()) {
      if (!Take()) return fault_;
    }
    out_.push_back({TokenKind::kEnd, "", column_});
    return std::nullopt;
  }

 private:
  std::optional<Fault> CheckCharacters() const {
    std::string_view text = rest_;
    for (uint32_t column = 1; !text.empty(); ++column) {
      const auto byte = static_cast<uint8_t>(text[0]);
      char32_t c = 0;
      if (!base::TakeUtf8(text, c)) {
        return Fault{column, fmt::format("\\x{:02x}", byte),
                     "this is not UTF-8; save the file as UTF-8"};
      }
      if ((c < 0x20 && c != '\t') || c == 0x7f) {
        return Fault{column, fmt::format("\\x{:02x}", byte),
                     "a control character has no place here"};
      }
    }
    return std::nullopt;
  }

  void Skip(size_t bytes) {
    for (const char c : rest_.substr(0, bytes)) {
      if ((static_cast<uint8_t>(c) & 0xc0) != 0x80) ++column_;
    }
    rest_.remove_prefix(bytes);
  }

  void SkipSpace() {
    while (!rest_.empty() && (rest_[0] == ' ' || rest_[0] == '\t')) Skip(1);
  }

  bool Take() {
    if (rest_[0] == ',') return TakeSign(TokenKind::kComma);
    if (rest_[0] == '=') return TakeSign(TokenKind::kEquals);
    if (rest_[0] == '"') return TakeText();
    if (rest_.starts_with(kPatternStart)) return TakePattern();
    return TakeWord();
  }

  bool TakeSign(TokenKind kind) {
    out_.push_back({kind, std::string(rest_.substr(0, 1)), column_});
    Skip(1);
    return true;
  }

  bool TakeWord() {
    const size_t end = std::min(rest_.find_first_of(kWordEnds), rest_.size());
    out_.push_back({TokenKind::kWord, std::string(rest_.substr(0, end)), column_});
    Skip(end);
    return true;
  }

  bool TakeText() {
    std::string text;
    for (size_t i = 1; i < rest_.size(); ++i) {
      if (rest_[i] == '"') {
        out_.push_back({TokenKind::kText, std::move(text), column_});
        Skip(i + 1);
        return true;
      }
      if (rest_[i] == '\\') {
        ++i;
        if (i == rest_.size() || (rest_[i] != '"' && rest_[i] != '\\')) {
          Skip(i - 1);
          return Fail("\\", "\\\" or \\\\ would do");
        }
      }
      text += rest_[i];
    }
    return Fail(rest_, "a quotation mark at its end would do");
  }

  bool TakePattern() {
    for (size_t i = kPatternStart.size(); i < rest_.size(); ++i) {
      if (rest_[i] == '\\') {
        ++i;
        continue;
      }
      if (rest_[i] != '/') continue;
      const std::string_view pattern = rest_.substr(kPatternStart.size(), i - kPatternStart.size());
      if (pattern.empty()) return Fail(rest_.substr(0, i + 1), "account:/^s[0-9]{8}$/ would do");
      out_.push_back({TokenKind::kPattern, std::string(pattern), column_});
      Skip(i + 1);
      return true;
    }
    return Fail(rest_, "a slash at the pattern's end would do");
  }

  bool Fail(std::string_view word, std::string_view advice) {
    fault_ = Fault{column_, std::string(word), std::string(advice)};
    return false;
  }

  std::string_view rest_;
  std::vector<Token>& out_;
  uint32_t column_ = 1;
  Fault fault_;
};

}  // namespace

std::optional<Fault> Lex(std::string_view line, std::vector<Token>& out) {
  return Lexer(line, out).Run();
}

}  // namespace weir::rules
