#include "tests/bench/policy_maker.h"

#include <fmt/format.h>

#include <array>
#include <iterator>
#include <stdexcept>
#include <utility>

#include "dataplane/base/utf8.h"
#include "rules/lists/read_list.h"
#include "rules/model/parse.h"
#include "tests/bench/flow_maker.h"

namespace weir::bench {
namespace {

constexpr std::array kEndings = {"com", "com", "com",    "net",   "org", "info",
                                 "cn",  "xyz", "com.cn", "co.uk", "top", "example"};
constexpr std::array kFronts = {"www", "ads", "cdn", "track", "m", "login"};

// `bytes` small letters, by a number; few numbers give the same.
std::string Letters(uint64_t random, size_t bytes) {
  std::string letters;
  for (size_t i = 0; i < bytes; ++i) {
    letters += static_cast<char>('a' + random % 26);
    random = i % 12 == 11 ? Scramble(random) : random / 26;
  }
  return letters;
}

std::string SiteName(uint64_t random) {
  return Letters(random, 6 + (random >> 48) % 7) + "." + kEndings[(random >> 56) % kEndings.size()];
}

base::IpPrefix V4(uint32_t address, unsigned length_bits) {
  std::array<uint8_t, 4> bytes{};
  base::StoreBe(bytes.data(), address);
  return {base::IpAddress::FromV4(bytes), 96 + length_bits};
}

// Of the CJK unified ideographs, U+4E00 to U+9FA5.
std::string Chinese(uint64_t random, size_t characters) {
  std::string text(characters * base::kUtf8BytesMax, '\0');
  size_t bytes = 0;
  for (size_t i = 0; i < characters; ++i) {
    bytes += base::PutUtf8(static_cast<char32_t>(0x4e00 + random % 20'902), &text[bytes]);
    random /= 20'902;
  }
  text.resize(bytes);
  return text;
}

// Lines as long as they may be: `start`, then values with commas between them.
template <typename Value>
Sources Lines(std::string_view start, uint64_t values, Value value) {
  Sources sources;
  std::string text;
  std::string line;
  const auto end_line = [&] {
    if (sources.empty() || sources.back().text.size() > (size_t{15} << 20)) {
      sources.push_back({fmt::format("{}.rules", sources.size()), ""});
    }
    sources.back().text += line + "\n";
    line.clear();
  };
  for (uint64_t i = 0; i < values; ++i) {
    const std::string next = value(i);
    if (line.size() + next.size() + 2 > rules::kLineBytesMax) end_line();
    line += (line.empty() ? std::string(start) : std::string(", ")) + next;
  }
  if (!line.empty()) end_line();
  return sources;
}

template <typename Item>
void Append(const rules::Condition& from, rules::Condition& to) {
  const auto& more = std::get<std::vector<Item>>(from.values);
  auto& all = std::get<std::vector<Item>>(to.values);
  all.insert(all.end(), more.begin(), more.end());
}

}  // namespace

std::string ListedName(uint64_t number) {
  const uint64_t random = Scramble(number);
  const std::string site = SiteName(random);
  switch ((random >> 40) % 5) {
    case 0:
      return fmt::format("{}.{}", kFronts[(random >> 44) % kFronts.size()], site);
    case 1:
      return fmt::format("{}.{}", Letters(Scramble(random), 4 + (random >> 44) % 5), site);
    default:
      return site;
  }
}

std::string OtherName(uint64_t number) {
  const uint64_t random = Scramble(number ^ 0x5555555555555555);
  const std::string name = fmt::format("www.{}", SiteName(random));
  return random % 2 == 0 ? name : Letters(Scramble(random), 5) + "." + name;
}

std::string HostileName(uint64_t number, std::string_view parent) {
  std::string name;
  const size_t room = parent.empty() ? 254 : 253 - parent.size();
  for (uint64_t random = Scramble(number); name.size() + 2 <= room; random = Scramble(random)) {
    name += static_cast<char>('a' + random % 26);
    name += '.';
  }
  if (parent.empty()) name.pop_back();
  return name + std::string(parent);
}

base::IpPrefix ListedPrefix(uint64_t number) {
  const uint64_t random = Scramble(number + 77);
  if (number % 10 < 7) {
    return V4(static_cast<uint32_t>(random), 20 + static_cast<unsigned>((random >> 40) % 9));
  }
  std::array<uint8_t, 16> bytes{0x20, 0x01};
  base::StoreBe(bytes.data() + 2, random);
  return {base::IpAddress::FromV6(bytes), 40 + static_cast<unsigned>(number % 17)};
}

base::IpAddress AddressIn(const base::IpPrefix& prefix, uint64_t random) {
  base::IpAddress address = prefix.address();
  for (unsigned bit = prefix.length_bits(); bit < 128; ++bit) {
    uint8_t& byte = address.mutable_bytes()[bit / 8];
    if (random >> (bit % 64) & 1) byte = static_cast<uint8_t>(byte | 0x80U >> (bit % 8));
  }
  return address;
}

std::string_view AlikeName(Alike alike) {
  constexpr std::string_view kNames[] = {
      "nothing alike",  "same source",       "same port",     "same source and port",
      "same addresses", "grid of 100 × 100", "sources nested"};
  return kNames[static_cast<size_t>(alike)];
}

Tuple MakeTuple(Alike alike, uint64_t number) {
  const auto n = static_cast<uint32_t>(number);
  Tuple tuple{V4(0x0a000000 + n, 32), V4(0xc6000000 + n * 64, 26),
              static_cast<uint16_t>(1000 + n % 60'000)};
  const base::IpPrefix source = V4(0x0a010000, 16);
  switch (alike) {
    case Alike::kNothing:
      break;
    case Alike::kSource:
      tuple.source = source;
      break;
    case Alike::kPort:
      tuple.port = 443;
      break;
    case Alike::kSourceAndPort:
      tuple.source = source;
      tuple.port = 443;
      break;
    case Alike::kAddresses:
      tuple.source = source;
      tuple.destination = V4(0xc6336400, 24);
      break;
    case Alike::kGrid:
      tuple.source = V4(0x0a000000 + n / 100 * 256, 24);
      tuple.destination = V4(0xc6000000 + n % 100 * 256, 24);
      tuple.port = 443;
      break;
    case Alike::kNested:  // 10.0.0.0 lies in 24 sources
      tuple.source = V4(0x0a000000, 8 + n % 24);
      tuple.destination = V4(0xc6000000 + n / 24 * 256, 24);
      break;
  }
  return tuple;
}

std::string Keyword(uint64_t number) {
  const uint64_t random = Scramble(number);
  return number % 2 == 0 ? Letters(random, 8) : Chinese(random, 4);
}

Sources KeywordRules(uint64_t keywords) { return Lines("drop keyword ", keywords, Keyword); }

Sources NameRules(uint64_t names) { return Lines("drop domain ", names, ListedName); }

Sources PrefixRules(uint64_t prefixes) {
  return Lines("drop ip ", prefixes, [](uint64_t i) { return ListedPrefix(i).ToString(); });
}

Sources TupleRules(Alike alike, uint64_t tuples) {
  std::string text;
  for (uint64_t i = 0; i < tuples; ++i) {
    const Tuple tuple = MakeTuple(alike, i);
    text += fmt::format("drop port tcp/{} from {} to {}\n", tuple.port, tuple.source.ToString(),
                        tuple.destination.ToString());
  }
  return {{"tuples.rules", text}};
}

rules::PolicyText Parsed(const Sources& sources) {
  auto parsed = rules::ParsePolicy(sources);
  if (!parsed) throw std::invalid_argument(parsed.error().message);
  return *std::move(parsed);
}

rules::PolicyText AsOneRule(rules::PolicyText text) {
  rules::Condition& first = text.rules[0].match.conditions[0];
  for (size_t i = 1; i < text.rules.size(); ++i) {
    const rules::Condition& next = text.rules[i].match.conditions[0];
    if (first.selector == rules::Selector::kDomain) {
      Append<rules::WordItem>(next, first);
    } else {
      Append<rules::AddressItem>(next, first);
    }
  }
  text.rules.resize(1);
  return text;
}

std::shared_ptr<const rules::CompiledPolicy> Compiled(const rules::PolicyText& text,
                                                      uint32_t version,
                                                      const rules::ListCatalog* lists) {
  rules::CompileOptions options;
  options.version = version;
  options.lists = lists;
  auto compiled = rules::Compile(text, options);
  if (!compiled) throw std::invalid_argument(compiled.error().message);
  return *std::move(compiled);
}

std::string HostsFile(uint64_t names) {
  std::string text;
  for (uint64_t i = 0; i < names; ++i) text += "0.0.0.0 " + ListedName(i) + "\n";
  return text;
}

OneList::OneList(const std::string& text) {
  auto content = rules::ReadList(text, {.format = {}, .now = {}});
  if (!content) throw std::invalid_argument(content.error().message);
  list_.content = std::make_shared<const rules::ListContent>(std::move(*content));
}

base::Result<rules::LoadedList> OneList::Load(const rules::ListDefinition&,
                                              const std::string&) const {
  return list_;
}

Sources ListRules() { return {{"list.rules", "list all from \"all.hosts\"\ndrop list all\n"}}; }

}  // namespace weir::bench
