// Words in fields: which conditions hold by a text or a name, from any thread.
#include "rules/compile/keyword_table.h"

#include <gtest/gtest.h>

#include <atomic>
#include <random>
#include <string>
#include <thread>
#include <vector>

#include "rules/compile/keyword_fold.h"

namespace weir::rules {
namespace {

using Sets = std::vector<uint32_t>;

constexpr KeywordFields kUrl = BitOf(KeywordField::kHttpUrl);
constexpr KeywordFields kBody = BitOf(KeywordField::kHttpBody);
const KeywordFields kName = FieldsOf(std::vector{KeywordField::kName});
const KeywordFields kHost = FieldsOf(std::vector{KeywordField::kHttpHost});

std::shared_ptr<const KeywordTable> Built(const KeywordTable::Builder& builder) {
  auto table = builder.Build();
  EXPECT_TRUE(table.ok()) << (table.ok() ? "" : table.error().message);
  return *table;
}

// Ascending.
Sets SetsIn(const KeywordTable& table, KeywordField field, std::string_view text) {
  KeywordHits hits;
  KeywordSets sets;
  table.Find(field, Folded(text), hits);
  for (const KeywordId id : hits.all()) sets.Add(table.SetsOf(id));
  return {sets.all().begin(), sets.all().end()};
}

Sets SetsOfName(const KeywordTable& table, std::string_view name, bool is_http_host) {
  KeywordSets sets;
  table.FindInName(name, is_http_host, sets);
  return {sets.all().begin(), sets.all().end()};
}

TEST(KeywordTable, IsNullWithoutWords) { EXPECT_EQ(Built({}), nullptr); }

TEST(KeywordTable, FindsWordsInTheirFieldsOnly) {
  KeywordTable::Builder builder;
  builder.Add("casino", kUrl, 0);
  builder.Add("casino", kBody, 1);
  builder.Add("sino", kUrl | kBody, 2);
  const auto table = Built(builder);
  EXPECT_EQ(table->words(), 2U);
  EXPECT_EQ(SetsIn(*table, KeywordField::kHttpUrl, "/a/CaSiNo?x"), (Sets{0, 2}));
  EXPECT_EQ(SetsIn(*table, KeywordField::kHttpBody, "casino"), (Sets{1, 2}));
  EXPECT_EQ(SetsIn(*table, KeywordField::kHttpBody, "casin"), (Sets{}));
  EXPECT_EQ(SetsIn(*table, KeywordField::kHttpHeader, "casino"), (Sets{}));
  EXPECT_FALSE(table->asks(KeywordField::kHttpHeader));
  EXPECT_FALSE(table->asks_for_names());
  EXPECT_TRUE(table->asks_for_text());
  EXPECT_GT(table->memory_bytes(), 1000U);
}

TEST(KeywordTable, TellsWhatIsNew) {
  KeywordTable::Builder builder;
  builder.Add("ab", kUrl, 0);
  const auto table = Built(builder);
  KeywordHits hits;
  EXPECT_TRUE(table->Find(KeywordField::kHttpUrl, "xabx", hits));
  EXPECT_FALSE(table->Find(KeywordField::kHttpUrl, "abab", hits));
  EXPECT_EQ(hits.all().size(), 1U);
}

TEST(KeywordTable, FindsChineseInUtf8AndGb18030) {
  KeywordTable::Builder builder;
  builder.Add("赌博", kUrl, 0);
  const auto table = Built(builder);
  EXPECT_EQ(SetsIn(*table, KeywordField::kHttpUrl, "/s?q=%E8%B5%8C%E5%8D%9A"), (Sets{0}));
  EXPECT_EQ(SetsIn(*table, KeywordField::kHttpUrl, "/s?q=%B6%C4%B2%A9"), (Sets{0}));
  EXPECT_EQ(SetsIn(*table, KeywordField::kHttpUrl, "/s?q=\xb6\xc4\xb2\xa9"), (Sets{0}));
  EXPECT_EQ(SetsIn(*table, KeywordField::kHttpUrl, "/s?q=%B6%C4%B2%A8"), (Sets{}));
}

TEST(KeywordTable, FindsInNamesAsTheyAreAndAsPeopleReadThem) {
  KeywordTable::Builder builder;
  builder.Add("casino", kName, 0);
  builder.Add("bet", kHost, 1);
  builder.Add("赌", kName, 2);
  const auto table = Built(builder);
  EXPECT_EQ(SetsOfName(*table, "www.bestcasino.example", false), (Sets{0}));
  EXPECT_EQ(SetsOfName(*table, "bet.casino.example", false), (Sets{0}));
  EXPECT_EQ(SetsOfName(*table, "bet.casino.example", true), (Sets{0, 1}));
  EXPECT_EQ(SetsOfName(*table, "xn--1lq90i.example", false), (Sets{}));
  EXPECT_EQ(SetsOfName(*table, "a.xn--mes317j.example", false), (Sets{2}));  // 赌场
  EXPECT_TRUE(table->asks_for_names(0));
  EXPECT_FALSE(table->asks_for_text());
}

// A word keeps its number when the policy changes.
TEST(KeywordTable, NumbersDoNotDependOnTheOtherWords) {
  KeywordTable::Builder one;
  one.Add("casino", kUrl, 0);
  KeywordTable::Builder other;
  other.Add("aaa", kUrl, 0);
  other.Add("casino", kUrl, 1);
  KeywordHits hits;
  Built(one)->Find(KeywordField::kHttpUrl, "casino", hits);
  ASSERT_EQ(hits.all().size(), 1U);
  const auto table = Built(other);
  const auto sets = table->SetsOf(hits.all()[0]);
  EXPECT_EQ(Sets(sets.begin(), sets.end()), (Sets{1}));
  EXPECT_TRUE(table->SetsOf(12345).empty());
}

TEST(KeywordHits, TheLastFoundStay) {
  KeywordHits hits;
  for (KeywordId id = 1; id <= KeywordHits::kHitsMax + 1; ++id) EXPECT_TRUE(hits.Add(id));
  EXPECT_EQ(hits.all().size(), KeywordHits::kHitsMax);
  EXPECT_EQ(hits.all().front(), 2U);
  EXPECT_EQ(hits.all().back(), KeywordHits::kHitsMax + 1);
}

TEST(KeywordSets, TheLowestStay) {
  KeywordSets sets;
  for (uint32_t set = 600; set > 0; --set) sets.Add(set);
  sets.Add(1);
  ASSERT_EQ(sets.all().size(), KeywordSets::kSetsMax);
  EXPECT_EQ(sets.all().front(), 1U);
  EXPECT_EQ(sets.all().back(), KeywordSets::kSetsMax);
}

// Against a plain search, in random text over few letters.
TEST(KeywordTable, AgreesWithAPlainSearch) {
  std::mt19937 random(7);
  const auto text_of = [&](size_t bytes) {
    std::string text(bytes, 'a');
    for (char& c : text) c = "ab赌"[random() % 5];
    return text;
  };
  KeywordTable::Builder builder;
  std::vector<std::string> words;
  for (uint32_t i = 0; i < 60; ++i) {
    words.push_back(text_of(2 + random() % 6));
    builder.Add(words.back(), kBody, i);
  }
  const auto table = Built(builder);
  for (int round = 0; round < 2000; ++round) {
    const std::string text = text_of(random() % 12);
    Sets expected;
    for (uint32_t i = 0; i < words.size(); ++i) {
      if (text.find(words[i]) != std::string::npos) expected.push_back(i);
    }
    KeywordHits hits;
    table->Find(KeywordField::kHttpBody, text, hits);
    KeywordSets sets;
    for (const KeywordId id : hits.all()) sets.Add(table->SetsOf(id));
    if (hits.all().size() == KeywordHits::kHitsMax) continue;  // some gave way
    ASSERT_EQ(Sets(sets.all().begin(), sets.all().end()), expected) << text;
  }
}

TEST(KeywordTable, ServesMoreThreadsThanItHasScratchesFor) {
  KeywordTable::Builder builder;
  builder.Add("casino", kUrl, 0);
  const auto table = Built(builder);
  std::atomic<int> wrong{0};
  std::vector<std::thread> threads;
  for (int thread = 0; thread < 12; ++thread) {
    threads.emplace_back([&] {
      for (int i = 0; i < 500; ++i) {
        if (SetsIn(*table, KeywordField::kHttpUrl, "/the/casino/") != Sets{0}) ++wrong;
        if (!SetsIn(*table, KeywordField::kHttpUrl, "/the/garden/").empty()) ++wrong;
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(wrong, 0);
}

}  // namespace
}  // namespace weir::rules
