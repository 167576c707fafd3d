// Look-ups in a day's index keep to their limits, and the answer is the same.
#include "control/audit/index_reader.h"

#include <gmock/gmock.h>

#include "control/audit/rocks_writer.h"
#include "control/audit/session_reader.h"
#include "store_fixture.h"

namespace weir::control::audit {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

constexpr uint64_t kNames = 6000;
constexpr base::WallTime kMidnight{kNoon.ns / kDayNs * kDayNs};

// A day in which each of many names below a domain is met once, ten in each minute from midnight
// on.
class IndexReaderTest : public StoreDirectory {
 protected:
  IndexReaderTest()
      : options_(OptionsOf()),
        db_({options_.dir, options_.memtable_bytes, options_.cache_bytes, false}),
        writer_(db_, {options_.dir, options_.sensor, false, 100, false, kNames}) {}

  void SetUp() override {
    ASSERT_TRUE(db_.Open().ok());
    ASSERT_TRUE(writer_.Load().ok());
    Batch batch;
    std::vector<std::string> names;
    names.reserve(kNames);
    for (uint64_t i = 0; i < kNames; i++) {
      auto event = MakeSession(i, After(kMidnight, static_cast<double>(i) * 6));
      names.push_back("n" + std::to_string(i) + ".example.com");
      event.name = names.back();
      batch.sessions.push_back({event, {}});
    }
    ASSERT_TRUE(writer_.Commit(batch).ok());
  }

  static Query Below(base::WallTime from, base::WallTime to) {
    Query query;
    query.name = ".example.com";
    query.from = from;
    query.to = to;
    return query;
  }

  base::Result<std::vector<Cell>> Collect(MinuteRange range, const IndexReader::Limits& limits,
                                          bool& overflow) {
    IndexReader reader(db_, writer_.index_tail(), db_.FindDay(DayOf(kNoon)), abandon_);
    std::vector<Cell> cells;
    const auto lookups = PlanLookups(Below(kMidnight, kNoon));
    auto collected = reader.Collect(lookups.front(), range, limits, cells, overflow);
    if (!collected.ok()) return collected.error();
    return cells;
  }

  std::vector<uint64_t> Ids(const Query& query, size_t cells_max) const {
    const SessionReader::Source source{
        db_, writer_.index_tail(), writer_.state(), writer_.sensors(), abandon_, cells_max};
    std::vector<uint64_t> ids;
    const SessionVisitor visit = [&](const SessionRecord& record) {
      ids.push_back(record.event.session_id);
      return true;
    };
    EXPECT_TRUE(SessionReader(source, query, visit).Run().ok());
    return ids;
  }

  const RocksStore::Options options_;
  RocksDb db_;
  RocksWriter writer_;
  std::atomic<bool> abandon_{false};
};

TEST_F(IndexReaderTest, EntriesOutsideTheTimeCountAsWell) {
  bool overflow = false;
  auto cells = Collect({3, 4}, {SIZE_MAX, kNames - 1}, overflow);
  ASSERT_TRUE(cells.ok());
  EXPECT_TRUE(overflow);
  cells = Collect({3, 4}, {SIZE_MAX, kNames}, overflow);
  ASSERT_TRUE(cells.ok());
  EXPECT_FALSE(overflow);
  EXPECT_THAT(*cells, ElementsAre(Cell{3, Ip("10.0.0.1")}));
}

TEST_F(IndexReaderTest, EntriesThatHaveMovedCountAsThoseOfTheTail) {
  ASSERT_TRUE(writer_.Commit({}).ok());  // the tail was full
  ASSERT_THAT(writer_.index_tail().Of(DayOf(kNoon)), IsEmpty());
  bool overflow = false;
  ASSERT_TRUE(Collect({3, 4}, {SIZE_MAX, kNames - 1}, overflow).ok());
  EXPECT_TRUE(overflow);
  ASSERT_TRUE(Collect({3, 4}, {SIZE_MAX, kNames}, overflow).ok());
  EXPECT_FALSE(overflow);
}

TEST_F(IndexReaderTest, LeavesOffForWhoWantsTheDatabase) {
  abandon_ = true;
  bool overflow = false;
  const auto cells = Collect({3, 4}, {}, overflow);
  ASSERT_FALSE(cells.ok());
  EXPECT_THAT(cells.error().message, HasSubstr("ask again"));
}

// With little room first time leads, for a minute and for longer, and then the names.
TEST_F(IndexReaderTest, TheAnswerIsTheSameWhateverLeads) {
  for (const double minutes : {1.0, 7.0, 500.0, 1440.0}) {
    const auto to = After(kMidnight, minutes * 60);
    const auto all = Ids(Below(kMidnight, to), SIZE_MAX);
    EXPECT_THAT(all, SizeIs(static_cast<size_t>(minutes == 1440.0 ? kNames : minutes * 10)));
    for (const size_t cells_max : {1U, 100U, 4000U}) {
      EXPECT_EQ(Ids(Below(kMidnight, to), cells_max), all) << minutes << " " << cells_max;
    }
  }
}

TEST_F(IndexReaderTest, AnotherConditionIsEnoughWhereNamesAreTooMany) {
  Query query = Below(kMidnight, After(kMidnight, 86'400));
  query.port = 40'001;
  EXPECT_THAT(Ids(query, SIZE_MAX), SizeIs(kNames));
  EXPECT_THAT(Ids(query, 100), SizeIs(kNames));
}

}  // namespace
}  // namespace weir::control::audit
