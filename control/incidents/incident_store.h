// Incidents in SQLite: findings in, exactly once; cases, deadlines and an append-only log out.
//
// Exactly once: the sequence number of the last finding taken is kept in the same transaction as
// what it did, and a finding at or before it changes nothing.
// One case, not a thousand: findings of one rule against one subject share the incident that is not
// closed. Subjects are bounded: a rule with kOpenPerRuleMax incidents not closed gathers further
// subjects in one incident of kind `many`, so forged addresses cannot fill the desk or the disk.
//
// Any thread: every call takes the store's lock. Lives as long as weir-control.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "control/database/database.h"
#include "control/incidents/clock_profile.h"
#include "control/incidents/incident.h"
#include "control/ingest/consumer.h"
#include "dataplane/base/result.h"
#include "dataplane/events/event.h"

namespace weir::control::incidents {

inline constexpr int64_t kOpenPerRuleMax = 1000;
inline constexpr size_t kNoteBytesMax = 4000;

using Finding = ingest::SequencedFinding;

// The end of the flow on our side: the address a case is opened for when no account is known.
const base::IpAddress& InsideAddress(const events::FindingEvent& event);

// A person's step. `time` is when it was taken.
struct Step {
  std::string_view incident;
  std::string_view actor;
  std::string_view note;
  base::WallTime time;
};

struct Totals {
  std::map<std::string, int64_t> open_by_class;                     // not closed
  std::map<std::string, base::WallTime> nearest_deadline_by_clock;  // neither met nor closed
};

class IncidentStore : public ingest::FindingConsumer {
 public:
  static base::Result<std::unique_ptr<IncidentStore>> Open(const std::filesystem::path& path,
                                                           std::vector<ClockProfile> clocks);

  // Takes findings in the order of their seq, all or none of the batch.
  base::Status Consume(std::span<const Finding> findings) override;
  base::Result<uint64_t> LastSeq() override;

  // Newest first. `limit` bounds the answer.
  base::Result<std::vector<Incident>> List(bool with_closed, size_t limit);
  // nullopt: there is no such incident.
  base::Result<std::optional<Incident>> Get(std::string_view id);
  base::Result<std::vector<LogEntry>> Log(std::string_view id);
  base::Result<Totals> CountOpen();

  // Moves an incident on and logs it; the error says why not.
  base::Result<Incident> Advance(const Step& step, State to);
  // Notes are taken in every state: a closed case may still get a remark.
  base::Status AddNote(const Step& step);

  std::span<const ClockProfile> clocks() const { return clocks_; }

 private:
  IncidentStore(std::unique_ptr<database::Database> database, std::vector<ClockProfile> clocks);

  struct Subject {
    SubjectKind kind;
    std::string name;
  };

  // All below: mutex_ held, inside a transaction.
  void ConsumeOne(const Finding& finding);
  std::optional<std::string> FindOpen(std::string_view rule, const Subject& subject);
  Subject ChooseSubject(const Finding& finding);
  std::string OpenIncident(const Finding& finding, const Subject& subject);
  void AddSample(const std::string& incident, uint64_t session_id);
  void AppendLog(const Step& step, std::string_view action);
  std::string NextId(base::WallTime discovered);
  std::optional<Incident> Load(std::string_view id);
  void LoadDetails(Incident& incident);
  uint64_t LoadLastSeq();

  std::mutex mutex_;
  std::unique_ptr<database::Database> database_;  // guarded by mutex_
  const std::vector<ClockProfile> clocks_;
};

}  // namespace weir::control::incidents
