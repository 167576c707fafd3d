#include "rules/compile/name_table.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdio>
#include <map>
#include <random>
#include <set>
#include <string>
#include <vector>

#include "rules/compile/list_tables.h"

namespace weir::rules {
namespace {

constexpr base::HashKey kSecret{1, 2};

// "h0 d3": of `host` number 0 and `domain` number 3, in the order in which they are found.
std::string Found(const NameTable& table, std::string_view name) {
  std::string found;
  table.ForEach(name, [&](const NameTable::Group& group, bool whole) {
    for (const uint32_t set : group.domains) found += " d" + std::to_string(set);
    for (const uint32_t set : whole ? group.hosts : std::span<const uint32_t>()) {
      found += " h" + std::to_string(set);
    }
  });
  return found.empty() ? found : found.substr(1);
}

TEST(NameTable, HoldsNothingWhenItIsEmpty) {
  EXPECT_EQ(Found(NameTable(), "a.example"), "");
  EXPECT_EQ(Found(NameTable::Builder(kSecret).Build(), "a.example"), "");
  EXPECT_EQ(NameTable().memory_bytes(), 0U);
}

TEST(NameTable, TellsExactFromBelow) {
  NameTable::Builder builder(kSecret);
  builder.Add("a.example", 0, false);
  builder.Add("b.example", 1, true);
  const NameTable table = builder.Build();
  EXPECT_EQ(Found(table, "a.example"), "h0");
  EXPECT_EQ(Found(table, "x.a.example"), "");
  EXPECT_EQ(Found(table, "b.example"), "d1");
  EXPECT_EQ(Found(table, "y.x.b.example"), "d1");
  for (const char* other : {"xb.example", "example", "", ".", "b.example.", "b.exampl", ".example",
                            "b..example", "bexample", "b.example.org"}) {
    EXPECT_EQ(Found(table, other), "") << other;
  }
  EXPECT_EQ(Found(table, ".b.example"), "d1");
}

TEST(NameTable, JoinsTheConditionsOfAName) {
  NameTable::Builder builder(kSecret);
  builder.Add("a.example", 3, true);
  builder.Add("a.example", 1, true);
  builder.Add("a.example", 1, true);
  builder.Add("a.example", 2, false);
  builder.Add("example", 0, true);
  EXPECT_EQ(builder.Count(), 2U);
  const NameTable table = builder.Build();
  EXPECT_EQ(table.size(), 2U);
  EXPECT_EQ(Found(table, "a.example"), "d0 d1 d3 h2");
  EXPECT_EQ(Found(table, "b.a.example"), "d0 d1 d3");
  EXPECT_EQ(Found(table, "b.example"), "d0");
}

// What lists say about a name, as "list:line", after all of its parents.
std::string Listed(const NameTable& table, std::string_view name) {
  ListHits hits;
  table.ForEach(
      name, [&](const NameTable::Group& group, bool whole) { AddListPlaces(group, whole, hits); });
  std::string listed;
  for (const uint32_t list : hits.lists()) {
    listed += " " + std::to_string(list) + ":" + std::to_string(hits.LineOf(list));
  }
  return listed.empty() ? listed : listed.substr(1);
}

TEST(NameTable, KeepsTheLineOfEachList) {
  NameTable::Builder builder(kSecret);
  builder.AddListed({"a.example", NameReach::kDomain, false, 0xffffff}, 0);
  builder.AddListed({"a.example", NameReach::kDomain, false, 7}, 3);
  builder.AddListed({"a.example", NameReach::kDomain, false, 5}, 3);
  builder.AddListed({"b.example", NameReach::kExact, false, 8}, 254);
  builder.Add("b.example", 2, true);
  const NameTable table = builder.Build();
  EXPECT_EQ(table.size(), 2U);
  EXPECT_EQ(Listed(table, "a.example"), "0:16777215 3:5");
  EXPECT_EQ(Listed(table, "x.a.example"), "0:16777215 3:5");
  EXPECT_EQ(Listed(table, "b.example"), "254:8");
  EXPECT_EQ(Listed(table, "x.b.example"), "");
  EXPECT_EQ(Found(table, "b.example"), "d2");
}

TEST(NameTable, LetsTheMostExactEntryOfAListDecide) {
  NameTable::Builder builder(kSecret);
  builder.AddListed({"example", NameReach::kBelow, false, 1}, 0);
  builder.AddListed({"good.example", NameReach::kDomain, true, 2}, 0);
  builder.AddListed({"bad.good.example", NameReach::kExact, false, 3}, 0);
  builder.AddListed({"both.example", NameReach::kDomain, false, 4}, 0);
  builder.AddListed({"both.example", NameReach::kExact, true, 5}, 0);
  builder.AddListed({"below.example", NameReach::kBelow, true, 6}, 0);
  builder.AddListed({"good.example", NameReach::kDomain, false, 9}, 1);
  const NameTable table = builder.Build();
  EXPECT_EQ(Listed(table, "example"), "");
  EXPECT_EQ(Listed(table, "a.example"), "0:1");
  EXPECT_EQ(Listed(table, "good.example"), "1:9");
  EXPECT_EQ(Listed(table, "a.good.example"), "1:9");
  EXPECT_EQ(Listed(table, "bad.good.example"), "0:3 1:9");
  EXPECT_EQ(Listed(table, "x.bad.good.example"), "1:9");
  EXPECT_EQ(Listed(table, "both.example"), "");
  EXPECT_EQ(Listed(table, "x.both.example"), "0:4");
  EXPECT_EQ(Listed(table, "below.example"), "0:1");
  EXPECT_EQ(Listed(table, "x.below.example"), "");
}

// Labels and their borders count, whatever words they are hashed in.
TEST(NameTable, HashesEveryNameByItself) {
  const NameHashKey key(kSecret);
  std::set<NameHash> seen;
  size_t names = 0;
  for (const size_t length : {1U, 5U, 6U, 7U, 8U, 13U, 14U, 15U, 16U, 63U}) {
    for (const char first : {'a', 'b', '\0'}) {
      for (size_t dot = 0; dot <= length; ++dot) {
        std::string name(length, 'a');
        name[0] = first;
        if (dot < length) name[dot] = '.';
        ParentWalk walk(key, name);
        while (walk.Next()) {
        }
        // Some of them are the same name, made twice.
        static std::set<std::string> made;
        if (!made.insert(name).second) continue;
        ++names;
        EXPECT_TRUE(seen.insert(walk.hash()).second) << name;
      }
    }
  }
  EXPECT_GT(names, 300U);
}

TEST(NameTable, AnotherSecretIsAnotherHash) {
  const auto hash = [](uint64_t secret) {
    const NameHashKey key({secret, 0});
    ParentWalk walk(key, "a.example");
    while (walk.Next()) {
    }
    return walk.hash();
  };
  EXPECT_EQ(hash(1), hash(1));
  EXPECT_NE(hash(1).first, hash(2).first);
  EXPECT_NE(hash(1).second, hash(2).second);
}

std::string RandomName(std::mt19937_64& random, size_t labels_max) {
  std::string name;
  for (size_t labels = 1 + random() % labels_max; labels > 0; --labels) {
    for (size_t bytes = 1 + random() % 2; bytes > 0; --bytes) {
      name += static_cast<char>('a' + random() % 3);
    }
    if (labels > 1) name += '.';
  }
  return name;
}

TEST(NameTable, AgreesWithALookAtEachName) {
  const uint64_t seed = std::random_device()();
  std::printf("seed %lu\n", static_cast<unsigned long>(seed));
  std::mt19937_64 random(seed);
  for (int round = 0; round < 100; ++round) {
    NameTable::Builder builder({random(), random()});
    std::map<std::string, std::set<std::string>, std::less<>> exact;
    std::map<std::string, std::set<std::string>, std::less<>> below;
    for (size_t names = random() % 300; names > 0; --names) {
      const std::string name = RandomName(random, 5);
      const auto set = static_cast<uint32_t>(random() % 5);
      const bool domain = random() % 2 == 0;
      builder.Add(name, set, domain);
      (domain ? below : exact)[name].insert((domain ? "d" : "h") + std::to_string(set));
    }
    const NameTable table = builder.Build();
    for (int probe = 0; probe < 500; ++probe) {
      const std::string name = RandomName(random, 7);
      std::multiset<std::string> wanted(exact[name].begin(), exact[name].end());
      for (std::string_view rest = name;;) {
        if (const auto found = below.find(rest); found != below.end()) {
          wanted.insert(found->second.begin(), found->second.end());
        }
        const size_t dot = rest.find('.');
        if (dot == rest.npos) break;
        rest.remove_prefix(dot + 1);
      }
      std::multiset<std::string> got;
      table.ForEach(name, [&](const NameTable::Group& group, bool whole) {
        for (const uint32_t set : group.domains) got.insert("d" + std::to_string(set));
        for (const uint32_t set : whole ? group.hosts : std::span<const uint32_t>()) {
          got.insert("h" + std::to_string(set));
        }
      });
      ASSERT_EQ(got, wanted) << name << " seed " << seed;
    }
  }
}

// All of many are found, none that is not there, in the memory that the design allows.
TEST(NameTable, HoldsAHundredThousandNames) {
  constexpr uint32_t kNames = 100'000;
  NameTable::Builder builder(kSecret);
  for (uint32_t i = 0; i < kNames; ++i) {
    builder.Add("host-" + std::to_string(i) + ".example", i % 7, true);
  }
  const NameTable table = builder.Build();
  EXPECT_EQ(table.size(), kNames);
  EXPECT_LT(table.memory_bytes(), 24U * kNames);
  size_t wrong = 0;
  for (uint32_t i = 0; i < kNames; ++i) {
    const std::string name = "www.host-" + std::to_string(i) + ".example";
    if (Found(table, name) != "d" + std::to_string(i % 7)) ++wrong;
    if (!Found(table, "www.host-" + std::to_string(i) + ".test").empty()) ++wrong;
  }
  EXPECT_EQ(wrong, 0U);
}

TEST(NameTable, TakesTheLongestNames) {
  std::string deep = "a";
  while (deep.size() < 253) deep += ".a";
  const std::string wide = std::string(63, 'b') + "." + std::string(63, 'c') + "." +
                           std::string(63, 'd') + "." + std::string(61, 'e');
  NameTable::Builder builder(kSecret);
  builder.Add(deep, 0, true);
  builder.Add(wide, 1, true);
  const NameTable table = builder.Build();
  EXPECT_EQ(Found(table, deep), "d0");
  EXPECT_EQ(Found(table, "x." + deep), "d0");  // longer than any name may be
  EXPECT_EQ(Found(table, deep.substr(2)), "");
  EXPECT_EQ(Found(table, wide), "d1");
}

}  // namespace
}  // namespace weir::rules
