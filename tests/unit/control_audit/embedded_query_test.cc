// The suite of look-ups over the embedded store.
#include "session_query.h"

namespace weir::control::audit {
namespace {

class Embedded : public QueryStore {
 public:
  explicit Embedded(std::unique_ptr<RocksStore> store) : store_(std::move(store)) {}
  SessionStore& store() override { return *store_; }
  void Settle(uint64_t records) override {
    const auto check = store_->CheckIndexes();
    ASSERT_TRUE(check.ok()) << check.error().message;
    EXPECT_EQ(check->records, records);
    EXPECT_EQ(check->missing_entries, 0u);
  }

 private:
  std::unique_ptr<RocksStore> store_;
};

std::unique_ptr<QueryStore> MakeEmbedded(const RocksStore::Options& options) {
  auto opened = RocksStore::Open(options);
  EXPECT_TRUE(opened.ok());
  return opened.ok() ? std::make_unique<Embedded>(std::move(*opened)) : nullptr;
}

INSTANTIATE_TEST_SUITE_P(Stores, SessionQuery,
                         ::testing::Values(QueryStoreKind{"embedded", 500, MakeEmbedded}),
                         [](const auto& kind) { return kind.param.name; });

}  // namespace
}  // namespace weir::control::audit
