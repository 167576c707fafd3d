// The words that the rules of one policy look for, and in which fields: found by Hyperscan, all at
// once, in text that is folded (keyword_fold.h).
//
// A word outside of ASCII is looked for in UTF-8 and in GB18030, whose subset GBK much Chinese text
// is sent in. Immutable after it is made; any thread may ask, without allocation: Hyperscan's
// scratch memory is there several times, and who finds none free waits for one.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "dataplane/base/result.h"
#include "rules/compile/keyword_hits.h"
#include "rules/model/policy_text.h"

struct hs_database;
struct hs_scratch;

namespace weir::rules {

inline constexpr size_t kKeywordFields = 5;
inline constexpr size_t kKeywordBytesMin = 2;   // folded
inline constexpr size_t kKeywordBytesMax = 96;  // folded, in UTF-8: 32 Chinese characters
inline constexpr size_t kKeywordsMax = 10'000;  // different ones of a policy

// A bit for each KeywordField.
using KeywordFields = uint8_t;
constexpr KeywordFields BitOf(KeywordField field) {
  return static_cast<KeywordFields>(1U << static_cast<unsigned>(field));
}
// No field means all. A name may be an HTTP host: who asks for names asks for those too.
KeywordFields FieldsOf(std::span<const KeywordField> fields);
// `folded`: the word (keyword_fold.h).
KeywordId KeywordIdOf(std::string_view folded, KeywordField field);
constexpr bool AsksForNames(KeywordFields fields) {
  return (fields & (BitOf(KeywordField::kName) | BitOf(KeywordField::kHttpHost))) != 0;
}

class KeywordTable {
 public:
  class Builder;
  KeywordTable(const KeywordTable&) = delete;
  KeywordTable& operator=(const KeywordTable&) = delete;
  ~KeywordTable();

  bool asks(KeywordField field) const { return (fields_ & BitOf(field)) != 0; }
  bool asks_for_names() const { return AsksForNames(fields_); }
  bool asks_for_text() const {
    return asks(KeywordField::kHttpUrl) || asks(KeywordField::kHttpHeader) ||
           asks(KeywordField::kHttpBody);
  }
  // Whether the condition may hold by a name.
  bool asks_for_names(uint32_t set) const { return AsksForNames(set_fields_[set]); }

  // Adds the keywords of `field` that the folded text holds. True: there was a new one.
  bool Find(KeywordField field, std::string_view folded, KeywordHits& hits) const;

  // Adds the conditions that hold by a name in its one form (dataplane/base/idna.h), as it is and
  // as people read it.
  void FindInName(std::string_view name, bool is_http_host, KeywordSets& sets) const;

  // The conditions that hold by it; none when this policy does not look for it.
  std::span<const uint32_t> SetsOf(KeywordId id) const;

  size_t words() const { return words_; }
  size_t memory_bytes() const;

 private:
  struct Asked {
    KeywordId id = 0;        // 0: nobody asks
    uint32_t first_set = 0;  // into sets_
    uint32_t set_count = 0;
  };
  template <typename Found>
  struct Search;
  struct alignas(64) Scratch {
    std::atomic_flag taken;
    hs_scratch* memory = nullptr;
  };

  KeywordTable() = default;
  template <typename Found>
  void Scan(KeywordField field, std::string_view folded, Found found) const;
  std::span<const uint32_t> SetsOf(const Asked& asked) const {
    return std::span(sets_).subspan(asked.first_set, asked.set_count);
  }
  Scratch& TakeScratch() const;

  hs_database* database_ = nullptr;
  mutable std::vector<Scratch> scratches_;
  std::vector<Asked> asked_;     // word * kKeywordFields + field
  std::vector<uint32_t> by_id_;  // into asked_
  std::vector<uint32_t> sets_;
  std::vector<KeywordFields> set_fields_;  // of each condition
  size_t words_ = 0;
  KeywordFields fields_ = 0;
};

class KeywordTable::Builder {
 public:
  // The condition `set`, numbered from 0 on without a gap, holds when any of these fields has the
  // folded word.
  void Add(const std::string& folded, KeywordFields fields, uint32_t set);

  size_t words() const { return words_.size(); }

  // Null where there are no words. Fails where this processor is none of those that Hyperscan runs
  // on, and when it cannot make its tables.
  base::Result<std::shared_ptr<const KeywordTable>> Build() const;

 private:
  using SetsByField = std::array<std::vector<uint32_t>, kKeywordFields>;

  std::map<std::string, SetsByField> words_;
  std::vector<KeywordFields> set_fields_;
};

}  // namespace weir::rules
