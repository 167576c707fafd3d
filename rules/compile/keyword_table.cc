#include "rules/compile/keyword_table.h"

#include <fmt/format.h>
#include <hs/hs.h>
#include <iconv.h>

#include <algorithm>
#include <functional>
#include <thread>
#include <utility>

#include "dataplane/base/idna.h"
#include "rules/compile/keyword_fold.h"

namespace weir::rules {
namespace {

constexpr KeywordId kNotAsked = 0;
// Workers, the thread that answers people, and some that change a policy.
constexpr unsigned kScratchesMore = 4;
constexpr unsigned kScratchesMax = 64;

// Empty where the text has characters that GB18030 lacks, or the C library does not know it.
std::string ToGb18030(std::string_view utf8) {
  const iconv_t converter = ::iconv_open("GB18030", "UTF-8");
  // NOLINTNEXTLINE(performance-no-int-to-ptr): iconv_open(3)'s own way to say that it failed
  if (converter == iconv_t(-1)) return {};
  std::string in(utf8);
  std::string out(utf8.size() * 4, '\0');
  char* from = in.data();
  size_t from_bytes = in.size();
  char* to = out.data();
  size_t to_bytes = out.size();
  const bool failed = ::iconv(converter, &from, &from_bytes, &to, &to_bytes) != 0;
  ::iconv_close(converter);
  if (failed) return {};
  out.resize(out.size() - to_bytes);
  return out;
}

// The bytes that a word comes in, folded as the text will be.
std::vector<std::string> Spellings(const std::string& folded) {
  std::vector<std::string> spellings = {folded};
  const std::string gb = ToGb18030(folded);
  if (!gb.empty() && gb != folded) spellings.push_back(Folded(gb));
  return spellings;
}

}  // namespace

KeywordFields FieldsOf(std::span<const KeywordField> fields) {
  KeywordFields bits = 0;
  for (const KeywordField field : fields) bits |= BitOf(field);
  if (bits == 0) bits = (1U << kKeywordFields) - 1;
  if ((bits & BitOf(KeywordField::kName)) != 0) bits |= BitOf(KeywordField::kHttpHost);
  return bits;
}

KeywordId KeywordIdOf(std::string_view folded, KeywordField field) {
  const KeywordId hash = std::hash<std::string_view>()(folded);
  return (hash ^ (static_cast<KeywordId>(field) + 1) * 0x9e3779b97f4a7c15) | 1;  // never kNotAsked
}

KeywordTable::~KeywordTable() {
  for (const Scratch& scratch : scratches_) hs_free_scratch(scratch.memory);
  hs_free_database(database_);
}

template <typename Found>
struct KeywordTable::Search {
  const KeywordTable& table;
  size_t field;
  Found found;

  static int OnMatch(unsigned word, unsigned long long /*from*/, unsigned long long /*to*/,
                     unsigned /*flags*/, void* self) {
    auto& search = *static_cast<Search*>(self);
    const Asked& asked = search.table.asked_[word * kKeywordFields + search.field];
    if (asked.id != kNotAsked) search.found(asked);
    return 0;
  }
};

KeywordTable::Scratch& KeywordTable::TakeScratch() const {
  // Each thread begins at one of its own, so that few meet.
  size_t at = std::hash<std::thread::id>()(std::this_thread::get_id());
  for (;; ++at) {
    Scratch& scratch = scratches_[at % scratches_.size()];
    if (!scratch.taken.test_and_set(std::memory_order_acquire)) return scratch;
  }
}

template <typename Found>
void KeywordTable::Scan(KeywordField field, std::string_view folded, Found found) const {
  if (!asks(field) || folded.size() < kKeywordBytesMin) return;
  Search<Found> search{*this, static_cast<size_t>(field), found};
  Scratch& scratch = TakeScratch();
  hs_scan(database_, folded.data(), static_cast<unsigned>(folded.size()), 0, scratch.memory,
          Search<Found>::OnMatch, &search);
  scratch.taken.clear(std::memory_order_release);
}

bool KeywordTable::Find(KeywordField field, std::string_view folded, KeywordHits& hits) const {
  bool any_new = false;
  Scan(field, folded, [&](const Asked& asked) { any_new |= hits.Add(asked.id); });
  return any_new;
}

void KeywordTable::FindInName(std::string_view name, bool is_http_host, KeywordSets& sets) const {
  const KeywordField field = is_http_host ? KeywordField::kHttpHost : KeywordField::kName;
  const auto add = [&](const Asked& asked) { sets.Add(SetsOf(asked)); };
  Scan(field, name, add);
  base::ReadableHostBuffer buffer;
  const std::string_view readable = base::ReadableHost(name, buffer);
  if (readable != name) Scan(field, readable, add);
}

std::span<const uint32_t> KeywordTable::SetsOf(KeywordId id) const {
  const auto found =
      std::ranges::lower_bound(by_id_, id, {}, [this](uint32_t at) { return asked_[at].id; });
  if (found == by_id_.end() || asked_[*found].id != id) return {};
  return SetsOf(asked_[*found]);
}

size_t KeywordTable::memory_bytes() const {
  size_t database = 0;
  size_t scratch = 0;
  hs_database_size(database_, &database);
  if (!scratches_.empty()) hs_scratch_size(scratches_[0].memory, &scratch);
  return sizeof *this + database + scratches_.size() * (sizeof(Scratch) + scratch) +
         asked_.capacity() * sizeof(Asked) +
         (by_id_.capacity() + sets_.capacity()) * sizeof(uint32_t) +
         set_fields_.capacity() * sizeof(KeywordFields);
}

void KeywordTable::Builder::Add(const std::string& folded, KeywordFields fields, uint32_t set) {
  if (set_fields_.size() <= set) set_fields_.resize(set + 1);
  set_fields_[set] = fields;
  SetsByField& sets = words_[folded];
  for (size_t field = 0; field < kKeywordFields; ++field) {
    if ((fields & BitOf(static_cast<KeywordField>(field))) == 0) continue;
    if (sets[field].empty() || sets[field].back() != set) sets[field].push_back(set);
  }
}

base::Result<std::shared_ptr<const KeywordTable>> KeywordTable::Builder::Build() const {
  if (words_.empty()) return std::shared_ptr<const KeywordTable>();
  if (hs_valid_platform() != HS_SUCCESS) {
    return base::Error{"keywords: Hyperscan does not run on this processor (it needs SSSE3)"};
  }
  const std::shared_ptr<KeywordTable> table(new KeywordTable());
  table->words_ = words_.size();
  table->set_fields_ = set_fields_;
  table->asked_.resize(words_.size() * kKeywordFields);
  std::vector<std::string> spellings;
  std::vector<unsigned> words;
  unsigned word = 0;
  for (const auto& [folded, sets] : words_) {
    for (size_t number = 0; number < kKeywordFields; ++number) {
      if (sets[number].empty()) continue;
      const auto field = static_cast<KeywordField>(number);
      table->fields_ |= BitOf(field);
      const auto at = static_cast<uint32_t>(word * kKeywordFields + number);
      table->asked_[at] = {KeywordIdOf(folded, field), static_cast<uint32_t>(table->sets_.size()),
                           static_cast<uint32_t>(sets[number].size())};
      table->by_id_.push_back(at);
      table->sets_.insert(table->sets_.end(), sets[number].begin(), sets[number].end());
    }
    for (std::string& spelling : Spellings(folded)) {
      spellings.push_back(std::move(spelling));
      words.push_back(word);
    }
    ++word;
  }
  std::ranges::sort(table->by_id_, {}, [&](uint32_t at) { return table->asked_[at].id; });

  std::vector<const char*> texts;
  std::vector<size_t> sizes;
  for (const std::string& spelling : spellings) {
    texts.push_back(spelling.data());
    sizes.push_back(spelling.size());
  }
  const std::vector<unsigned> flags(spellings.size(), HS_FLAG_SINGLEMATCH);
  hs_compile_error_t* fault = nullptr;
  if (hs_compile_lit_multi(texts.data(), flags.data(), words.data(), sizes.data(),
                           static_cast<unsigned>(texts.size()), HS_MODE_BLOCK, nullptr,
                           &table->database_, &fault) != HS_SUCCESS) {
    base::Error error{fmt::format("keywords: Hyperscan: {}", fault->message)};
    hs_free_compile_error(fault);
    return error;
  }
  const unsigned threads = std::thread::hardware_concurrency() + kScratchesMore;
  table->scratches_ = std::vector<Scratch>(std::min(threads, kScratchesMax));
  for (Scratch& scratch : table->scratches_) {
    if (hs_alloc_scratch(table->database_, &scratch.memory) != HS_SUCCESS) {
      return base::Error{"keywords: not enough memory"};
    }
  }
  return std::shared_ptr<const KeywordTable>(table);
}

}  // namespace weir::rules
