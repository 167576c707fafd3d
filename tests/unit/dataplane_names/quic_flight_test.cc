// Whole flights of odd QUIC clients through the finder.
#include "quic_flight.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "dataplane/names/name_finder.h"

namespace weir::names {
namespace {

using testing::MakeQuicFlight;
using testing::QuicFlight;
using testing::RecordingSink;

constexpr unsigned kSeeds = 200;

bool IsRefusal(Outcome outcome) {
  return outcome == Outcome::kConflict || outcome == Outcome::kCrowded;
}

TEST(QuicFlight, EveryOneIsNamedAndNothingOfItRefused) {
  const auto context = NameContext::Create().value();
  for (unsigned seed = 1; seed <= kSeeds; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    std::mt19937 random(seed);
    const QuicFlight flight = MakeQuicFlight(random, "odd.example", context->crypto());
    UdpNameFinder finder;
    RecordingSink sink;
    for (const testing::Bytes& datagram : flight.datagrams) {
      ASSERT_FALSE(IsRefusal(finder.Consume(datagram, {40000, 443}, *context, sink)));
    }
    // A hello within one datagram is told each time that comes.
    ASSERT_FALSE(sink.names.empty());
    for (const std::string& name : sink.names) EXPECT_EQ(name, "quic_sni odd.example");
    EXPECT_EQ(finder.coverage(), Coverage::kNamed);
  }
}

// A datagram of each flow in turn: 113 hellos are under way at once.
TEST(QuicFlight, ManyFlowsAtOnce) {
  constexpr size_t kFlows = 113;
  const auto context = NameContext::Create().value();
  for (unsigned seed = 1; seed <= 5; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    std::mt19937 random(seed);
    std::vector<QuicFlight> flights;
    for (size_t i = 0; i < kFlows; ++i) {
      const std::string name = "host-" + std::to_string(i) + ".example";
      flights.push_back(MakeQuicFlight(random, name, context->crypto()));
    }
    std::vector<UdpNameFinder> finders(kFlows);
    std::vector<RecordingSink> sinks(kFlows);
    for (bool more = true, first = true; more; first = false) {
      more = false;
      for (size_t i = 0; i < kFlows; ++i) {
        auto& waiting = flights[i].datagrams;
        if (waiting.empty()) continue;
        if (first) std::reverse(waiting.begin(), waiting.end());
        finders[i].Consume(waiting.back(), {40000, 443}, *context, sinks[i]);
        waiting.pop_back();
        more = true;
      }
    }
    for (size_t i = 0; i < kFlows; ++i) {
      ASSERT_FALSE(sinks[i].names.empty()) << i;
      EXPECT_EQ(sinks[i].names.front(), "quic_sni " + flights[i].name);
    }
    EXPECT_EQ(context->attempts().taken_away(), 0U);
  }
}

// Nobody gets a hello through to the server unread by sending another beside it: whatever bytes of
// an attempt were let through, in whatever order, the first ones for their place, the name that
// they make up was told.
TEST(QuicFlight, NoNameGetsThroughUntold) {
  const auto context = NameContext::Create().value();
  unsigned got_through = 0;
  for (unsigned seed = 1; seed <= kSeeds; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    std::mt19937 random(seed);
    // Two flights of the same attempt, so that their bytes contradict each other, and beginnings
    // of others.
    const testing::Bytes hidden = testing::HelloBuilder().Sni("hidden.example").Message();
    const testing::Bytes shown = testing::HelloBuilder().Sni("shown-.example").Message();
    UdpNameFinder finder;
    RecordingSink sink;
    std::vector<bool> server_has(hidden.size(), false);
    testing::InitialSpec spec;
    for (int step = 0; step < 400; ++step) {
      ++spec.number;
      const unsigned kind = random() % 4;
      const testing::Bytes& hello = kind == 0 ? shown : hidden;
      testing::InitialSpec used = spec;
      if (kind == 1) used.dcid.back() = static_cast<uint8_t>(random());
      const size_t at = random() % hello.size();
      const size_t bytes = std::min<size_t>(1 + random() % 60, hello.size() - at);
      const testing::Bytes datagram =
          testing::SealInitial(used, testing::CryptoPart(hello, at, bytes), context->crypto());
      const bool passed = !IsRefusal(finder.Consume(datagram, {40000, 443}, *context, sink));
      // What is shown only, goes no further than here.
      if (!passed || kind <= 1) continue;
      std::fill_n(server_has.begin() + static_cast<ptrdiff_t>(at), bytes, true);
    }
    if (std::find(server_has.begin(), server_has.end(), false) != server_has.end()) continue;
    ++got_through;
    EXPECT_TRUE(std::find(sink.names.begin(), sink.names.end(), "quic_sni hidden.example") !=
                sink.names.end());
  }
  EXPECT_GE(got_through, kSeeds / 20);
}

}  // namespace
}  // namespace weir::names
