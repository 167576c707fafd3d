// An audit store that hands everything on to another one: what a test changes, it overrides.
#pragma once

#include "control/audit/session_store.h"

namespace weir::control::audit {

class ForwardingStore : public SessionStore {
 public:
  explicit ForwardingStore(SessionStore& store) : store_(store) {}

  base::Status Commit(const Batch& batch) override { return store_.Commit(batch); }
  base::Result<std::string> Position() override { return store_.Position(); }
  base::Status CloseLost(uint64_t boot_id) override { return store_.CloseLost(boot_id); }
  base::Result<std::string> LoginPosition() override { return store_.LoginPosition(); }
  base::Result<std::optional<uint64_t>> BootId() override { return store_.BootId(); }
  base::Status Recover() override { return store_.Recover(); }
  base::Result<RetentionPlan> PlanRetention(const RetentionLimits& limits) override {
    return store_.PlanRetention(limits);
  }
  base::Result<RetentionResult> EnforceRetention(const RetentionPlan& plan) override {
    return store_.EnforceRetention(plan);
  }
  base::Result<SealState> Sealed() override { return store_.Sealed(); }
  base::Status MarkSealed(base::WallTime until) override { return store_.MarkSealed(until); }
  base::Status SessionsAsSealed(base::WallTime from, base::WallTime to,
                                const SessionVisitor& visit) override {
    return store_.SessionsAsSealed(from, to, visit);
  }
  base::Result<std::vector<LateHour>> LateHours() override { return store_.LateHours(); }
  base::Result<LateCount> CountLate(const TimeSpan& span) override {
    return store_.CountLate(span);
  }
  base::Status NoteSeal(const SealHead& head, std::optional<TimeSpan> amended) override {
    return store_.NoteSeal(head, amended);
  }
  base::Status Amend(const TimeSpan& span,
                     const std::function<base::Result<SealHead>()>& write) override {
    return store_.Amend(span, write);
  }
  base::Result<QueryResult> Sessions(const Query& query, const SessionVisitor& visit) override {
    return store_.Sessions(query, visit);
  }
  base::Status Findings(uint64_t after, const FindingVisitor& visit) override {
    return store_.Findings(after, visit);
  }
  base::Status Health(uint64_t after, const HealthVisitor& visit) override {
    return store_.Health(after, visit);
  }
  base::Status Logins(uint64_t after, const LoginVisitor& visit) override {
    return store_.Logins(after, visit);
  }
  base::Result<uint64_t> NewestHealth() override { return store_.NewestHealth(); }
  base::Result<StoreStats> Stats() override { return store_.Stats(); }
  base::Result<std::vector<IndexFault>> CheckIndex(const TimeSpan& span,
                                                   const std::function<bool()>& keep_on) override {
    return store_.CheckIndex(span, keep_on);
  }
  base::Status Checkpoint(const std::filesystem::path& into) override {
    return store_.Checkpoint(into);
  }

 protected:
  SessionStore& store_;
};

}  // namespace weir::control::audit
