#include "rules/lists/stix_pattern.h"

#include <algorithm>
#include <deque>
#include <string>
#include <vector>

#include "rules/lists/line_text.h"
#include "rules/lists/url_host.h"

namespace weir::rules {
namespace {

struct Token {
  enum class Kind : uint8_t { kWord, kText, kSign };  // a path or a number; '…'; one of ()[]=,
  Kind kind = Kind::kWord;
  std::string_view text;

  bool Is(std::string_view sign_or_word) const {
    return kind != Kind::kText && SameWord(text, sign_or_word);
  }
};

// Texts in which \' and \\ are undone; a deque keeps them where they are.
using Texts = std::deque<std::string>;

// Takes '…'.
bool TakeText(std::string_view& rest, Texts& texts, std::string_view& out) {
  size_t end = 1;
  bool escaped = false;
  for (; end < rest.size() && rest[end] != '\''; ++end) {
    if (rest[end] != '\\') continue;
    escaped = true;
    ++end;
  }
  if (end >= rest.size()) return false;
  out = rest.substr(1, end - 1);
  rest.remove_prefix(end + 1);
  if (!escaped) return true;
  std::string& text = texts.emplace_back();
  for (size_t i = 0; i < out.size(); ++i) {
    if (out[i] == '\\') ++i;
    text += out[i];
  }
  out = text;
  return true;
}

bool IsWordByte(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
         std::string_view("-_:.*").find(c) != std::string_view::npos;
}

bool Tokenise(std::string_view rest, Texts& texts, std::vector<Token>& out) {
  constexpr std::string_view kBlanks = " \t\r\n";
  while (true) {
    rest.remove_prefix(std::min(rest.find_first_not_of(kBlanks), rest.size()));
    if (rest.empty()) return true;
    Token& token = out.emplace_back();
    if (rest[0] == '\'') {
      token.kind = Token::Kind::kText;
      if (!TakeText(rest, texts, token.text)) return false;
      continue;
    }
    size_t end = 0;
    while (end < rest.size() && IsWordByte(rest[end])) ++end;
    // A path goes on over "[*]"; what stands in other brackets begins anew.
    if (end > 0 && rest.substr(end).starts_with("[*]")) end += 3;
    token.kind = end > 0 ? Token::Kind::kWord : Token::Kind::kSign;
    token.text = rest.substr(0, std::max<size_t>(end, 1));
    rest.remove_prefix(token.text.size());
  }
}

// path, '=' or IN or ISSUBSET, and the values.
struct Comparison {
  std::string_view path;
  std::string_view verb;
  std::vector<std::string_view> values;
};

class PatternReader {
 public:
  PatternReader(const std::vector<Token>& tokens, EntrySink& sink) : tokens_(tokens), sink_(sink) {}

  void Read() {
    if (TiesObservations()) return sink_.Skip(SkipReason::kConditional);
    while (at_ < tokens_.size()) {
      // Between observations stand OR, and parentheses that then change nothing.
      if (Take("OR") || Take("(") || Take(")")) continue;
      if (!Take("[")) return sink_.Skip(SkipReason::kNotUnderstood);
      if (!ReadObservation()) return;
    }
  }

 private:
  bool Take(std::string_view word) {
    const bool is = at_ < tokens_.size() && tokens_[at_].Is(word);
    at_ += is ? 1 : 0;
    return is;
  }

  // Whether anything but OR stands outside of the brackets: AND, FOLLOWEDBY, WITHIN, REPEATS …
  bool TiesObservations() const {
    bool inside = false;
    for (const Token& token : tokens_) {
      if (token.Is("[") || token.Is("]")) {
        inside = token.Is("[");
      } else if (!inside && token.kind == Token::Kind::kWord && !token.Is("OR")) {
        return true;
      }
    }
    return false;
  }

  // From behind "[" to behind "]"; false when the rest of the pattern is not to be read.
  bool ReadObservation() {
    const auto begin = tokens_.begin() + static_cast<ptrdiff_t>(at_);
    const auto end =
        std::find_if(begin, tokens_.end(), [](const Token& token) { return token.Is("]"); });
    const auto has = [&](std::string_view word) {
      return std::any_of(begin, end, [&](const Token& token) { return token.Is(word); });
    };
    const bool mixed = has("AND") && has("OR");
    const bool grouped = std::any_of(begin, end, [&](const Token& token) {
      return token.Is("(") && (&token == &*begin || !(&token - 1)->Is("IN"));
    });
    // Which AND goes with which OR is not worked out.
    if ((mixed && grouped) || has("NOT")) {
      sink_.Skip(SkipReason::kConditional);
      at_ = static_cast<size_t>(end - tokens_.begin()) + (end == tokens_.end() ? 0 : 1);
      return true;
    }
    std::vector<Comparison> together;
    while (true) {
      Comparison& comparison = together.emplace_back();
      if (!ReadComparison(comparison)) break;
      if (Take("AND")) continue;
      AddTogether(together);
      together.clear();
      if (Take("]")) return true;
      if (!Take("OR")) break;
    }
    sink_.Skip(SkipReason::kNotUnderstood);
    return false;
  }

  bool ReadComparison(Comparison& out) {
    while (Take("(")) continue;
    if (!TakeAny(out.path)) return false;
    // A path with a key in it: file:hashes.'SHA-256', x:y['z'].
    while (at_ < tokens_.size() && !IsVerb(tokens_[at_])) {
      if (tokens_[at_].Is("]") || tokens_[at_].Is("AND") || tokens_[at_].Is("OR")) return false;
      out.path = "";
      ++at_;
    }
    if (!TakeAny(out.verb)) return false;
    if (std::string_view("!<>").find(out.verb) != std::string_view::npos && Take("="))
      out.verb = "!";
    if (SameWord(out.verb, "IN")) {
      if (!Take("(")) return false;
      while (!Take(")")) {
        if (!TakeAny(out.values.emplace_back())) return false;
        Take(",");
      }
    } else if (!TakeAny(out.values.emplace_back())) {
      return false;
    }
    while (Take(")")) continue;
    return true;
  }

  static bool IsVerb(const Token& token) {
    constexpr std::string_view kVerbs[] = {"=",    "!",       "<",        ">",         "IN",
                                           "LIKE", "MATCHES", "ISSUBSET", "ISSUPERSET"};
    return std::any_of(std::begin(kVerbs), std::end(kVerbs),
                       [&](std::string_view verb) { return token.Is(verb); });
  }

  bool TakeAny(std::string_view& out) {
    if (at_ == tokens_.size()) return false;
    out = tokens_[at_++].text;
    return true;
  }

  void AddTogether(const std::vector<Comparison>& together) {
    if (together.size() == 1) return AddOne(together[0]);
    if (!AddEndpoint(together)) sink_.Skip(SkipReason::kConditional);
  }

  void AddOne(const Comparison& comparison) {
    const bool subset = SameWord(comparison.verb, "ISSUBSET");
    const bool equal = comparison.verb == "=" || SameWord(comparison.verb, "IN");
    const std::string_view path = comparison.path;
    const bool to = path == "network-traffic:dst_ref.value";  // an address or a name
    const bool address = to || path == "ipv4-addr:value" || path == "ipv6-addr:value";
    if (comparison.verb == "!") return sink_.Skip(SkipReason::kConditional);
    if (!equal && !(subset && address)) return sink_.Skip(SkipReason::kUnsupported);
    for (const std::string_view value : comparison.values) {
      if (path == "domain-name:value" || (to && !LooksLikeAddress(value))) {
        sink_.AddName(value, NameReach::kExact);
      } else if (path == "url:value") {
        AddUrlHost(value, sink_);
      } else if (address) {
        sink_.AddRange(value);
      } else {
        sink_.Skip(SkipReason::kUnsupported);
      }
    }
  }

  // An address and a port of where traffic goes to, and nothing else.
  bool AddEndpoint(const std::vector<Comparison>& together) {
    std::string_view address;
    unsigned port = 0;
    std::vector<uint8_t> protocols(std::begin(kTcpAndUdp), std::end(kTcpAndUdp));
    for (const Comparison& comparison : together) {
      if (comparison.verb != "=") return false;
      const std::string_view value = comparison.values[0];
      if (comparison.path == "network-traffic:dst_ref.value" && LooksLikeAddress(value)) {
        address = value;
      } else if (comparison.path == "network-traffic:dst_port") {
        if (!ParseNumber(value, port)) return false;
      } else if (comparison.path == "network-traffic:protocols[*]") {
        if (value != "tcp" && value != "udp" && value != "sctp") return false;
        protocols = {value == "tcp" ? kTcp : value == "udp" ? kUdp : kSctp};
      } else if (comparison.path != "network-traffic:dst_ref.type") {
        return false;
      }
    }
    if (address.empty() || port == 0) return false;
    sink_.AddEndpoint(address, protocols, port);
    return true;
  }

  const std::vector<Token>& tokens_;
  EntrySink& sink_;
  size_t at_ = 0;
};

}  // namespace

void AddStixPattern(std::string_view pattern, EntrySink& sink) {
  std::vector<Token> tokens;
  tokens.reserve(16);  // most patterns have fewer
  Texts texts;
  if (!Tokenise(pattern, texts, tokens) || tokens.empty())
    return sink.Skip(SkipReason::kNotUnderstood);
  PatternReader(tokens, sink).Read();
}

}  // namespace weir::rules
