// The suite of look-ups, for any store: who has one instantiates SessionQuery with its makers.
#pragma once

#include <memory>
#include <ostream>
#include <string>
#include <vector>

#include "store_fixture.h"

namespace weir::control::audit {

// A store under test.
class QueryStore {
 public:
  virtual ~QueryStore() = default;
  virtual SessionStore& store() = 0;
  // All that was committed goes to where it is to be looked for; so many session parts.
  virtual void Settle(uint64_t records) = 0;
};

struct QueryStoreKind {
  const char* name;
  int random_queries;
  // Null: it cannot be made here, and the test has been told why.
  std::unique_ptr<QueryStore> (*make)(const RocksStore::Options& options);
};
inline std::ostream& operator<<(std::ostream& out, const QueryStoreKind& kind) {
  return out << kind.name;
}

class SessionQuery : public StoreDirectory, public ::testing::WithParamInterface<QueryStoreKind> {
 protected:
  void SetUp() override {
    kept_ = GetParam().make(OptionsOf());
    if (!kept_ && !HasFailure()) GTEST_SKIP() << "this store cannot be made here";
  }

  SessionStore* OpenStore() { return &kept_->store(); }

  void SettleStore(uint64_t records) { kept_->Settle(records); }

  void Commit(SessionStore& store, const std::vector<events::SessionEvent>& events) {
    StoreDirectory::Commit(store, events);
    SettleStore(events.size());
  }

 private:
  std::unique_ptr<QueryStore> kept_;
};

}  // namespace weir::control::audit
