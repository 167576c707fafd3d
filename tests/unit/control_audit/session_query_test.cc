// Look-ups of a store: each kind by itself, and random ones against a plain list. Whatever store
// keeps the record, the answers are these.
#include "session_query.h"

#include <gmock/gmock.h>

#include <algorithm>
#include <random>

#include "control/audit/session_reader.h"

namespace weir::control::audit {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

TEST_P(SessionQuery, FindsEitherEnd) {
  SessionStore* store = OpenStore();
  auto outbound = MakeSession(1);
  auto inbound = MakeSession(2, After(kNoon, 1));
  inbound.direction = events::Direction::kInbound;
  inbound.src_ip = Ip("198.51.100.1");
  inbound.dst_ip = Ip("10.0.0.2");
  auto internal = MakeSession(3, After(kNoon, 2));
  internal.direction = events::Direction::kInternal;
  internal.dst_ip = Ip("10.0.0.2");
  auto six = MakeSession(4, After(kNoon, 3));
  six.src_ip = Ip("2001:db8::1");
  six.dst_ip = Ip("2001:db8::2");
  Commit(*store, {outbound, inbound, internal, six});
  EXPECT_THAT(Ids(*store, {.ip = Ip("10.0.0.1")}), ElementsAre(1, 3));
  EXPECT_THAT(Ids(*store, {.ip = Ip("10.0.0.2")}), ElementsAre(2, 3));
  EXPECT_THAT(Ids(*store, {.ip = Ip("198.51.100.1")}), ElementsAre(2));
  EXPECT_THAT(Ids(*store, {.ip = Ip("203.0.113.9")}), ElementsAre(1));
  EXPECT_THAT(Ids(*store, {.ip = Ip("2001:db8::1")}), ElementsAre(4));
  EXPECT_THAT(Ids(*store, {.ip = Ip("2001:db8::2")}), ElementsAre(4));
  EXPECT_THAT(Ids(*store, {.ip = Ip("10.0.0.3")}), IsEmpty());
}

TEST_P(SessionQuery, FindsNamesExactlyAndBelowADomain) {
  SessionStore* store = OpenStore();
  const char* names[] = {"example.com",    "www.example.com",      "a.b.Example.COM",
                         "notexample.com", "example.com.evil.net", ""};
  std::vector<events::SessionEvent> sessions;
  for (uint64_t i = 0; i < std::size(names); i++) {
    sessions.push_back(MakeSession(i, After(kNoon, static_cast<double>(i) * 100)));
    sessions.back().name = names[i];
  }
  Commit(*store, sessions);
  EXPECT_THAT(Ids(*store, {.name = "example.com"}), ElementsAre(0));
  EXPECT_THAT(Ids(*store, {.name = "WWW.example.com"}), ElementsAre(1));
  EXPECT_THAT(Ids(*store, {.name = ".example.com"}), ElementsAre(0, 1, 2));
  EXPECT_THAT(Ids(*store, {.name = ".com"}), ElementsAre(0, 1, 2, 3));
  EXPECT_THAT(Ids(*store, {.name = ".b.example.com"}), ElementsAre(2));
  EXPECT_FALSE(store->Sessions({.name = "."}, [](const SessionRecord&) { return true; }).ok());
}

TEST_P(SessionQuery, FindsPortsOfEitherEndWhereThereArePorts) {
  SessionStore* store = OpenStore();
  auto tcp = MakeSession(1);
  auto ping = MakeSession(2, After(kNoon, 1));
  ping.ip_protocol = 1;
  ping.src_port = 443;
  Commit(*store, {tcp, ping});
  EXPECT_THAT(Ids(*store, {.port = 443}), ElementsAre(1));
  EXPECT_THAT(Ids(*store, {.port = 40001}), ElementsAre(1));
  EXPECT_THAT(Ids(*store, {.ip = Ip("10.0.0.1"), .port = 40001}), ElementsAre(1));
  EXPECT_THAT(Ids(*store, {.port = 80}), IsEmpty());
}

TEST_P(SessionQuery, FindsSessionsThatWereGoingOn) {
  SessionStore* store = OpenStore();
  const auto late = After(kNoon, 14 * 3600 + 1790);  // ten seconds before midnight
  auto over_midnight = Close(MakeSession(1, late), After(late, 1200));
  auto before = Close(MakeSession(2, After(kNoon, -100)), After(kNoon, -50));
  auto instant = Close(MakeSession(3, After(kNoon, 0.4)), After(kNoon, 0.4));
  Commit(*store, {over_midnight, before, instant});
  EXPECT_THAT(Ids(*store, {.at = After(late, 900)}), ElementsAre(1));
  EXPECT_THAT(Ids(*store, {.at = After(late, 1200)}), ElementsAre(1));
  EXPECT_THAT(Ids(*store, {.at = After(late, 1201)}), IsEmpty());
  EXPECT_THAT(Ids(*store, {.at = After(late, -1)}), IsEmpty());
  EXPECT_THAT(Ids(*store, {.at = After(kNoon, 0.9)}), ElementsAre(3));  // the same second
  EXPECT_THAT(Ids(*store, {.from = After(kNoon, -60), .to = kNoon}), ElementsAre(2));
  EXPECT_THAT(Ids(*store, {.from = After(kNoon, -49), .to = kNoon}), IsEmpty());
  EXPECT_THAT(Ids(*store, {.from = After(kNoon, 0.4)}), ElementsAre(3, 1));
  EXPECT_THAT(Ids(*store, {.to = After(kNoon, 0.4)}), ElementsAre(2));
}

TEST_P(SessionQuery, GoesOnBehindItsCursor) {
  SessionStore* store = OpenStore();
  std::vector<events::SessionEvent> sessions;
  for (uint64_t id = 0; id < 7; id++) sessions.push_back(MakeSession(id));  // all the same start
  Commit(*store, sessions);
  std::vector<uint64_t> seen;
  Query query;
  query.limit = 3;
  const auto visit = [&](const SessionRecord& record) {
    seen.push_back(record.event.session_id);
    return true;
  };
  for (const size_t expected : {3u, 6u, 7u}) {
    const auto result = store->Sessions(query, visit);
    ASSERT_TRUE(result.ok());
    EXPECT_EQ(seen.size(), expected);
    query.cursor = result->next_cursor;
  }
  EXPECT_THAT(seen, ElementsAre(0, 1, 2, 3, 4, 5, 6));
  EXPECT_EQ(query.cursor, "");

  for (const char* bad : {"x", "1-2", "1-2-", "1-2-3x", "-", "99999999999999999999-0-0"}) {
    query.cursor = bad;
    const auto result = store->Sessions(query, visit);
    ASSERT_FALSE(result.ok());
    EXPECT_THAT(result.error().message, HasSubstr("cursor"));
  }
}

TEST_P(SessionQuery, StopsWhereTheVisitorStops) {
  SessionStore* store = OpenStore();
  Commit(*store, {MakeSession(1), MakeSession(2), MakeSession(3)});
  const auto result = store->Sessions({}, [](const SessionRecord&) { return false; });
  ASSERT_TRUE(result.ok());
  EXPECT_EQ(result->visited, 1u);
  Query query;
  query.cursor = result->next_cursor;
  EXPECT_THAT(Ids(*store, query), ElementsAre(2, 3));
  query.limit = 0;
  EXPECT_THAT(Ids(*store, query), IsEmpty());
}

TEST_P(SessionQuery, ReadsRangesNotTheWhole) {
  SessionStore* store = OpenStore();
  std::vector<events::SessionEvent> sessions;
  for (uint64_t id = 0; id < 20'000; id++) {
    sessions.push_back(MakeSession(id, After(kNoon, static_cast<double>(id))));
    sessions.back().src_ip.mutable_bytes()[15] = static_cast<uint8_t>(id % 200);
    sessions.back().dst_ip.mutable_bytes()[15] = static_cast<uint8_t>(id % 211);
    sessions.back().dst_port = static_cast<uint16_t>(id % 1000);
  }
  sessions[777].name = "rare.example";
  Commit(*store, sessions);
  const auto examined = [&](const Query& query) {
    return store->Sessions(query, [](const SessionRecord&) { return true; })->examined;
  };
  EXPECT_EQ(examined({.session_id = 777}), 1u);
  EXPECT_EQ(examined({.name = "rare.example"}), 1u);
  EXPECT_EQ(examined({.name = ".example"}), 1u);
  EXPECT_EQ(examined({.ip = Ip("10.0.0.7")}), 100u);
  EXPECT_LE(examined({.ip = Ip("203.0.113.7")}), 200u);
  EXPECT_LE(examined({.port = 7}), 40u);
  EXPECT_LE(examined({.at = After(kNoon, 10'000)}), 60u);
  Query newest;
  newest.newest_first = true;
  newest.limit = 10;
  EXPECT_LE(examined(newest), 60u);
}

// --- random queries against a plain list ---

struct Stored {
  events::SessionEvent event;
  std::string account;
};

class RandomStore {
 public:
  explicit RandomStore(uint64_t seed) : random_(seed) {}

  std::vector<Stored> Sessions(size_t count) {
    std::vector<Stored> sessions;
    for (uint64_t id = 0; id < count; id++) {
      Stored stored{MakeSession(id, Time()), ""};
      auto& event = stored.event;
      event.direction = static_cast<events::Direction>(Below(4));
      event.src_ip = Address();
      event.dst_ip = Address();
      event.src_port = static_cast<uint16_t>(Below(20));
      event.dst_port = static_cast<uint16_t>(Below(20));
      event.ip_protocol = Below(5) == 0 ? 1 : 17;
      if (Below(3) == 0) event = Close(event, After(event.start, static_cast<double>(Below(4000))));
      event.verdict = static_cast<events::Verdict>(Below(3));
      if (Below(2) == 0) event.name = kNames[Below(kNames.size())];
      if (Below(3) != 0) event.rule = kRules[Below(kRules.size())];
      if (Below(3) != 0) stored.account = kAccounts[Below(kAccounts.size())];
      sessions.push_back(stored);
    }
    return sessions;
  }

  Query AnyQuery(size_t count) {
    Query query;
    if (Below(20) == 0) query.session_id = Below(count + 10);
    if (Below(4) == 0) query.account = kAccounts[Below(kAccounts.size())];
    if (Below(3) == 0) query.ip = Address();
    if (Below(4) == 0) query.port = static_cast<uint16_t>(Below(20));
    if (Below(4) == 0) query.name = (Below(2) == 0 ? "." : "") + kNames[Below(kNames.size())];
    if (Below(5) == 0) query.rule = kRules[Below(kRules.size())];
    if (Below(5) == 0) query.verdict = static_cast<events::Verdict>(Below(3));
    if (Below(5) == 0) query.state = static_cast<events::SessionState>(Below(2));
    if (Below(4) == 0) query.at = Time();
    if (Below(4) == 0) query.from = Time();
    if (Below(4) == 0) query.to = Time();
    query.newest_first = Below(2) == 0;
    if (Below(2) == 0) query.limit = 1 + Below(30);
    return query;
  }

  uint64_t Below(uint64_t limit) { return random_() % limit; }

 private:
  base::WallTime Time() { return After(kNoon, static_cast<double>(Below(200'000)) / 2); }
  base::IpAddress Address() {
    auto ip = Ip(Below(4) == 0 ? "2001:db8::" : "10.0.0.0");
    ip.mutable_bytes()[15] = static_cast<uint8_t>(Below(12));
    return ip;
  }

  const std::vector<std::string> kNames = {"a.test", "b.a.test", "x.b.a.test", "ba.test", "other"};
  const std::vector<std::string> kRules = {"r1", "r2"};
  const std::vector<std::string> kAccounts = {"alice", "bob", "bobby"};
  std::mt19937_64 random_;
};

std::vector<uint64_t> PlainAnswer(const std::vector<Stored>& sessions, const Query& query) {
  const SessionFilter filter(query);
  std::vector<const Stored*> matches;
  for (const auto& stored : sessions) {
    SessionRecord record{stored.event, {}, {}};
    record.identity.account = stored.account;
    if (filter.Matches(record)) matches.push_back(&stored);
  }
  std::sort(matches.begin(), matches.end(), [&](const Stored* a, const Stored* b) {
    const auto order = [](const Stored* s) {
      return SessionOrder{s->event.start, s->event.session_id, s->event.part};
    };
    return query.newest_first ? order(b) < order(a) : order(a) < order(b);
  });
  std::vector<uint64_t> ids;
  for (const auto* match : matches) ids.push_back(match->event.session_id);
  return ids;
}

TEST_P(SessionQuery, AgreesWithAPlainList) {
  const uint64_t seed = std::random_device()();
  SCOPED_TRACE(seed);
  RandomStore random(seed);
  const auto sessions = random.Sessions(3000);
  SessionStore* store = OpenStore();
  Batch batch;
  for (const auto& stored : sessions) {
    Identity identity;
    identity.account = stored.account;
    batch.sessions.push_back({stored.event, identity});
    if (random.Below(100) != 0) continue;
    ASSERT_TRUE(store->Commit(batch).ok());
    batch.Clear();
  }
  ASSERT_TRUE(store->Commit(batch).ok());
  SettleStore(sessions.size());

  for (int i = 0; i < GetParam().random_queries; i++) {
    Query query = random.AnyQuery(sessions.size());
    const auto expected = PlainAnswer(sessions, query);
    std::vector<uint64_t> found;
    do {  // page by page
      const auto result = store->Sessions(query, [&](const SessionRecord& record) {
        found.push_back(record.event.session_id);
        return true;
      });
      ASSERT_TRUE(result.ok()) << result.error().message;
      query.cursor = result->next_cursor;
    } while (!query.cursor.empty());
    ASSERT_EQ(found, expected) << "query " << i;
  }
}

}  // namespace
}  // namespace weir::control::audit
