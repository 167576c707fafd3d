#include "rules/compile/list_tables.h"

#include <gtest/gtest.h>
#include <netinet/in.h>

#include <optional>
#include <string>

#include "rules/model/values.h"

namespace weir::rules {
namespace {

void AddRange(ListContent& content, std::string_view range, uint32_t line) {
  ListRange entry{{}, line};
  EXPECT_EQ(ParseAddressRange(range, entry.range), "");
  content.ranges.push_back(entry);
}

void AddEndpoint(ListContent& content, const char* address, uint8_t protocol, uint16_t port,
                 uint32_t line) {
  content.endpoints.push_back({*base::IpAddress::Parse(address), protocol, port, line});
}

// "list:line" of each list that was found.
std::string Found(const ListAddresses& lists, const char* address,
                  std::optional<uint32_t> port = std::nullopt) {
  ListHits hits;
  lists.Find(*base::IpAddress::Parse(address), port ? &*port : nullptr, hits);
  std::string found;
  for (const uint32_t list : hits.lists()) {
    found += " " + std::to_string(list) + ":" + std::to_string(hits.LineOf(list));
  }
  return found.empty() ? found : found.substr(1);
}

TEST(ListHits, KeepsListsInOrderWithALineEach) {
  ListHits hits;
  EXPECT_TRUE(hits.empty());
  for (const uint32_t list : {9U, 3U, 254U, 0U, 5U}) hits.Put(list, list * 10 + 1);
  hits.Put(3, 7);
  hits.PutIfNew(5, 8);
  hits.PutIfNew(6, 9);
  hits.Remove(9);
  hits.Remove(100);
  const std::vector<uint32_t> lists(hits.lists().begin(), hits.lists().end());
  EXPECT_EQ(lists, (std::vector<uint32_t>{0, 3, 5, 6, 254}));
  EXPECT_EQ(hits.LineOf(3), 7U);
  EXPECT_EQ(hits.LineOf(5), 51U);
  EXPECT_EQ(hits.LineOf(254), 2541U);
  EXPECT_EQ(hits.LineOf(9), 0U);
}

TEST(ListHits, HasRoomForEveryList) {
  ListHits hits;
  for (uint32_t list = kListsMax; list-- > 0;) hits.Put(list, list + 1);
  for (uint32_t list = 0; list < kListsMax; ++list) EXPECT_EQ(hits.LineOf(list), list + 1);
  for (uint32_t list = 0; list < kListsMax; list += 2) hits.Remove(list);
  EXPECT_EQ(hits.lists().size(), kListsMax / 2);
}

TEST(ListAddresses, FindsNothingWhenEmpty) {
  EXPECT_EQ(Found(ListAddresses(), "10.0.0.1", PortKey(IPPROTO_TCP, 80)), "");
  EXPECT_TRUE(ListAddresses::Builder().Build().empty());
}

TEST(ListAddresses, TellsTheLineOfTheNarrowestRange) {
  ListContent one;
  AddRange(one, "10.0.0.0/8", 1);
  AddRange(one, "10.1.0.0/16", 2);
  AddRange(one, "10.1.0.0/16", 9);
  AddRange(one, "2001:db8::/32", 3);
  ListContent other;
  AddRange(other, "10.1.2.0-10.1.4.255", 0xffffff);
  ListAddresses::Builder builder;
  builder.Add(one, 0);
  builder.Add(other, 254);
  const ListAddresses lists = builder.Build();
  EXPECT_EQ(Found(lists, "10.0.0.1"), "0:1");
  EXPECT_EQ(Found(lists, "10.1.0.1"), "0:2");
  EXPECT_EQ(Found(lists, "10.1.3.1"), "0:2 254:16777215");
  EXPECT_EQ(Found(lists, "2001:db8::1"), "0:3");
  EXPECT_EQ(Found(lists, "11.0.0.1"), "");
}

TEST(ListAddresses, FindsAnEndpointByItsPortAlone) {
  ListContent one;
  AddEndpoint(one, "192.0.2.1", IPPROTO_TCP, 443, 1);
  AddEndpoint(one, "192.0.2.1", IPPROTO_TCP, 443, 4);
  AddEndpoint(one, "192.0.2.1", IPPROTO_UDP, 53, 2);
  AddEndpoint(one, "2001:db8::1", IPPROTO_TCP, 80, 3);
  ListContent other;
  AddEndpoint(other, "192.0.2.1", IPPROTO_TCP, 443, 5);
  AddRange(other, "192.0.2.0/24", 6);
  ListAddresses::Builder builder;
  builder.Add(one, 0);
  builder.Add(other, 1);
  const ListAddresses lists = builder.Build();
  EXPECT_EQ(Found(lists, "192.0.2.1", PortKey(IPPROTO_TCP, 443)), "0:1 1:6");
  EXPECT_EQ(Found(lists, "192.0.2.1", PortKey(IPPROTO_UDP, 443)), "1:6");
  EXPECT_EQ(Found(lists, "192.0.2.1", PortKey(IPPROTO_UDP, 53)), "0:2 1:6");
  EXPECT_EQ(Found(lists, "192.0.2.1"), "1:6");
  EXPECT_EQ(Found(lists, "192.0.2.2", PortKey(IPPROTO_TCP, 443)), "1:6");
  EXPECT_EQ(Found(lists, "2001:db8::1", PortKey(IPPROTO_TCP, 80)), "0:3");
  EXPECT_EQ(Found(lists, "2001:db8::1", PortKey(IPPROTO_TCP, 81)), "");
}

}  // namespace
}  // namespace weir::rules
