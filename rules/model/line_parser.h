// One line of a rules file to a definition or a rule. Used by ParsePolicy only.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "rules/model/lexer.h"
#include "rules/model/policy_text.h"

namespace weir::rules {

class LineParser {
 public:
  // `out` outlives the parser; a good line is added to it, a bad one adds nothing.
  LineParser(PolicyText& out, Location line_start) : policy_(out), where_(line_start) {}

  std::optional<Fault> Parse(std::string_view line);

 private:
  // Each returns false after setting fault_.
  bool ParseStatement();
  bool ParseSet();
  bool ParseList();
  bool ParseListFormat(ListDefinition& list);
  bool ParseGroup();
  bool ParseGroupItem(GroupItem& item);
  bool ParseTime();
  bool ParseTimeItems(TimeDefinition& time);
  bool ParseRule(Verb verb);
  bool ParseClause(Rule& rule);
  bool ParseAnnotation(Rule& rule, const Token& keyword);
  bool ParseException(Rule& rule, const Token& keyword);
  bool ParseCondition(Conjunction& into, const Token& keyword);
  bool ParseValues(Condition& condition);
  bool ParseKeywordValues(Condition& condition);
  bool CheckRule(const Rule& rule, const Token& verb);

  template <typename Item, typename ParseOne>
  bool ParseItems(std::vector<Item>& items, std::string_view wanted, ParseOne parse_one);
  bool ParseWords(std::vector<WordItem>& items, Selector selector);

  bool TakeDefinitionName(std::string& name, Location& where);
  bool TakeWord(std::string_view wanted, Token& out);  // a word or a text, not a keyword
  bool TakeIdentifier(std::string_view wanted, std::string& out);
  bool TakeAssignment();
  bool TakeComma();
  bool Once(bool seen, const Token& keyword);

  const Token& Peek() const { return tokens_[next_]; }
  bool AtEnd() const { return Peek().kind == TokenKind::kEnd; }
  bool PeekIs(std::string_view word) const {
    return Peek().kind == TokenKind::kWord && Peek().text == word;
  }
  Token Take() { return tokens_[AtEnd() ? next_ : next_++]; }
  Location At(const Token& token) const { return {where_.source, where_.line, token.column}; }
  bool Fail(const Token& token, std::string advice);

  PolicyText& policy_;
  Location where_;
  std::vector<Token> tokens_;
  size_t next_ = 0;
  Fault fault_;
};

}  // namespace weir::rules
