#include "control/incidents/incident_store.h"

#include <fmt/format.h>

#include <array>
#include <utility>

namespace weir::control::incidents {
namespace {

using database::Rows;
using database::Transaction;

constexpr std::array<const char*, 1> kSchema{R"sql(
CREATE TABLE incident(
  number INTEGER PRIMARY KEY AUTOINCREMENT,
  id TEXT NOT NULL UNIQUE,
  state TEXT NOT NULL CHECK(state IN ('open','acknowledged','contained','reported','closed')),
  subject_kind TEXT NOT NULL CHECK(subject_kind IN ('account','ip','many')),
  subject TEXT NOT NULL,
  rule TEXT NOT NULL,
  class TEXT NOT NULL,
  severity TEXT NOT NULL,
  reason TEXT NOT NULL,
  first_name TEXT NOT NULL,
  first_peer TEXT NOT NULL,
  first_verdict TEXT NOT NULL,
  account_group TEXT NOT NULL,
  discovered_us INTEGER NOT NULL,
  last_seen_us INTEGER NOT NULL,
  findings INTEGER NOT NULL) STRICT;
-- One case a rule and subject while it is not closed.
CREATE UNIQUE INDEX incident_not_closed ON incident(rule, subject_kind, subject)
  WHERE state <> 'closed';
CREATE TABLE incident_deadline(
  incident TEXT NOT NULL REFERENCES incident(id),
  clock TEXT NOT NULL,
  title TEXT NOT NULL,
  recipient TEXT NOT NULL,
  due_us INTEGER NOT NULL,
  met_us INTEGER,
  PRIMARY KEY(incident, clock)) STRICT, WITHOUT ROWID;
CREATE TABLE incident_session(
  incident TEXT NOT NULL REFERENCES incident(id),
  session_id INTEGER NOT NULL,
  PRIMARY KEY(incident, session_id)) STRICT, WITHOUT ROWID;
CREATE TABLE incident_log(
  number INTEGER PRIMARY KEY AUTOINCREMENT,
  incident TEXT NOT NULL REFERENCES incident(id),
  time_us INTEGER NOT NULL,
  actor TEXT NOT NULL,
  action TEXT NOT NULL,
  note TEXT NOT NULL) STRICT;
CREATE INDEX incident_log_of ON incident_log(incident, number);
CREATE TRIGGER incident_log_keeps BEFORE UPDATE ON incident_log
  BEGIN SELECT RAISE(ABORT, 'the incident log is append-only'); END;
CREATE TRIGGER incident_log_stays BEFORE DELETE ON incident_log
  BEGIN SELECT RAISE(ABORT, 'the incident log is append-only'); END;
CREATE TABLE incident_day(day TEXT PRIMARY KEY, last INTEGER NOT NULL) STRICT, WITHOUT ROWID;
CREATE TABLE incident_position(
  only_row INTEGER PRIMARY KEY CHECK(only_row = 1), last_seq INTEGER NOT NULL) STRICT;
INSERT INTO incident_position(only_row, last_seq) VALUES(1, 0);
)sql"};

constexpr std::string_view kColumns =
    "SELECT id, state, subject_kind, subject, rule, class, severity, reason, first_name, "
    "first_peer, first_verdict, account_group, discovered_us, last_seen_us, findings FROM "
    "incident ";

SubjectKind SubjectKindOf(const std::string& name) {
  if (name == "account") return SubjectKind::kAccount;
  return name == "many" ? SubjectKind::kMany : SubjectKind::kIp;
}

Incident FromRow(const Rows& row) {
  Incident incident;
  incident.id = row.Text(0);
  // The table's CHECK allows nothing else than a state.
  incident.state = ParseState(row.Text(1)).value();
  incident.subject_kind = SubjectKindOf(row.Text(2));
  incident.subject = row.Text(3);
  incident.rule = row.Text(4);
  incident.rule_class = row.Text(5);
  incident.severity = row.Text(6);
  incident.reason = row.Text(7);
  incident.first_name = row.Text(8);
  incident.first_peer = row.Text(9);
  incident.first_verdict = row.Text(10);
  incident.group = row.Text(11);
  incident.discovered = row.Time(12);
  incident.last_seen = row.Time(13);
  incident.findings = static_cast<uint64_t>(row.Int(14));
  return incident;
}

bool InsideIsSource(const events::FindingEvent& event) {
  return event.direction != events::Direction::kInbound;
}

// The outside end as people write it: "192.0.2.7:443/tcp", "[2001:db8::7]:443/tcp",
// "192.0.2.7/icmp".
std::string PeerText(const events::FindingEvent& event) {
  const bool to_dst = InsideIsSource(event);
  const base::IpAddress& address = to_dst ? event.dst_ip : event.src_ip;
  const uint16_t port = to_dst ? event.dst_port : event.src_port;
  const std::string_view protocol = events::ProtocolName(event.ip_protocol);
  if (protocol != "tcp" && protocol != "udp" && protocol != "sctp") {
    return fmt::format("{}/{}", address.ToString(), protocol);
  }
  const std::string host = address.is_v4() ? address.ToString() : "[" + address.ToString() + "]";
  return fmt::format("{}:{}/{}", host, port, protocol);
}

base::Error NoIncident(std::string_view id) {
  return {"there is no incident '" + std::string(id) + "'"};
}

}  // namespace

const base::IpAddress& InsideAddress(const events::FindingEvent& event) {
  return InsideIsSource(event) ? event.src_ip : event.dst_ip;
}

IncidentStore::IncidentStore(std::unique_ptr<database::Database> database,
                             std::vector<ClockProfile> clocks)
    : database_(std::move(database)), clocks_(std::move(clocks)) {}

base::Result<std::unique_ptr<IncidentStore>> IncidentStore::Open(const std::filesystem::path& path,
                                                                 std::vector<ClockProfile> clocks) {
  auto opened = database::Database::Open(path);
  if (!opened) return opened.error();
  if (auto migrated = (*opened)->Migrate("incidents", kSchema); !migrated) return migrated.error();
  return std::unique_ptr<IncidentStore>(new IncidentStore(std::move(*opened), std::move(clocks)));
}

base::Status IncidentStore::Consume(std::span<const Finding> findings) {
  const std::scoped_lock lock(mutex_);
  Transaction transaction(*database_, Transaction::Kind::kWrite);
  uint64_t last_seq = LoadLastSeq();
  for (const Finding& finding : findings) {
    if (finding.seq <= last_seq) continue;  // taken before a restart
    last_seq = finding.seq;
    // A rule without a class is no incident; its position moves on all the same.
    if (!finding.event.rule_class.empty()) ConsumeOne(finding);
  }
  database_->Exec("UPDATE incident_position SET last_seq=?", last_seq);
  return transaction.Commit();
}

base::Result<uint64_t> IncidentStore::LastSeq() {
  const std::scoped_lock lock(mutex_);
  Transaction transaction(*database_, Transaction::Kind::kRead);
  const uint64_t last_seq = LoadLastSeq();
  if (auto done = transaction.Commit(); !done) return done.error();
  return last_seq;
}

uint64_t IncidentStore::LoadLastSeq() {
  Rows rows = database_->Query("SELECT last_seq FROM incident_position");
  return rows.Next() ? static_cast<uint64_t>(rows.Int(0)) : 0;
}

void IncidentStore::ConsumeOne(const Finding& finding) {
  const Subject subject = ChooseSubject(finding);
  auto incident = FindOpen(finding.event.rule, subject);
  if (!incident) {
    incident = OpenIncident(finding, subject);
  } else {
    database_->Exec(
        "UPDATE incident SET findings=findings+1, last_seen_us=max(last_seen_us, ?) WHERE id=?",
        finding.event.time, *incident);
  }
  AddSample(*incident, finding.event.session_id);
}

std::optional<std::string> IncidentStore::FindOpen(std::string_view rule, const Subject& subject) {
  Rows rows = database_->Query(
      "SELECT id FROM incident WHERE rule=? AND subject_kind=? AND subject=? AND state<>'closed'",
      rule, SubjectKindName(subject.kind), subject.name);
  if (!rows.Next()) return std::nullopt;
  return rows.Text(0);
}

IncidentStore::Subject IncidentStore::ChooseSubject(const Finding& finding) {
  Subject subject = finding.identity.account.empty()
                        ? Subject{SubjectKind::kIp, InsideAddress(finding.event).ToString()}
                        : Subject{SubjectKind::kAccount, std::string(finding.identity.account)};
  if (FindOpen(finding.event.rule, subject)) return subject;
  Rows rows = database_->Query("SELECT count(*) FROM incident WHERE rule=? AND state<>'closed'",
                               finding.event.rule);
  if (rows.Next() && rows.Int(0) >= kOpenPerRuleMax) return {SubjectKind::kMany, "many others"};
  return subject;
}

std::string IncidentStore::OpenIncident(const Finding& finding, const Subject& subject) {
  const events::FindingEvent& event = finding.event;
  const std::string id = NextId(event.time);
  database_->Exec(
      "INSERT INTO incident(id, state, subject_kind, subject, rule, class, severity, reason, "
      "first_name, first_peer, first_verdict, account_group, discovered_us, last_seen_us, "
      "findings) "
      "VALUES(?, 'open', ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, 1)",
      id, SubjectKindName(subject.kind), subject.name, event.rule, event.rule_class, event.severity,
      event.reason, event.name, PeerText(event), events::VerdictName(event.verdict),
      finding.identity.group, event.time, event.time);
  for (const ClockProfile& clock : clocks_) {
    database_->Exec(
        "INSERT INTO incident_deadline(incident, clock, title, recipient, due_us) "
        "VALUES(?, ?, ?, ?, ?)",
        id, clock.id, clock.title, clock.recipient, clock.DueAfter(event.time));
  }
  AppendLog({id, "weir", fmt::format("first finding of rule {}", event.rule), event.time},
            "opened");
  return id;
}

void IncidentStore::AddSample(const std::string& incident, uint64_t session_id) {
  database_->Exec(
      "INSERT OR IGNORE INTO incident_session(incident, session_id) SELECT ?, ? "
      "WHERE (SELECT count(*) FROM incident_session WHERE incident=?) < ?",
      incident, session_id, incident, kSampleSessionsMax);
}

void IncidentStore::AppendLog(const Step& step, std::string_view action) {
  database_->Exec(
      "INSERT INTO incident_log(incident, time_us, actor, action, note) VALUES(?, ?, ?, ?, ?)",
      step.incident, step.time, step.actor, action, step.note);
}

std::string IncidentStore::NextId(base::WallTime discovered) {
  std::string day = base::FormatRfc3339(discovered).substr(0, 10);  // "2026-11-22"
  std::erase(day, '-');
  database_->Exec(
      "INSERT INTO incident_day(day, last) VALUES(?, 1) ON CONFLICT(day) DO UPDATE SET last=last+1",
      day);
  Rows rows = database_->Query("SELECT last FROM incident_day WHERE day=?", day);
  return fmt::format("I-{}-{:04}", day, rows.Next() ? rows.Int(0) : 0);
}

base::Result<std::vector<Incident>> IncidentStore::List(bool with_closed, size_t limit) {
  const std::scoped_lock lock(mutex_);
  Transaction transaction(*database_, Transaction::Kind::kRead);
  std::vector<Incident> incidents;
  {
    static const std::string kSql =
        std::string(kColumns) + "WHERE ? OR state<>'closed' ORDER BY number DESC LIMIT ?";
    Rows rows = database_->Query(kSql, with_closed, limit);
    while (rows.Next()) incidents.push_back(FromRow(rows));
  }
  for (Incident& incident : incidents) LoadDetails(incident);
  if (auto done = transaction.Commit(); !done) return done.error();
  return incidents;
}

base::Result<std::optional<Incident>> IncidentStore::Get(std::string_view id) {
  const std::scoped_lock lock(mutex_);
  Transaction transaction(*database_, Transaction::Kind::kRead);
  auto incident = Load(id);
  if (auto done = transaction.Commit(); !done) return done.error();
  return incident;
}

std::optional<Incident> IncidentStore::Load(std::string_view id) {
  std::optional<Incident> incident;
  {
    static const std::string kSql = std::string(kColumns) + "WHERE id=?";
    Rows rows = database_->Query(kSql, id);
    if (rows.Next()) incident = FromRow(rows);
  }
  if (incident) LoadDetails(*incident);
  return incident;
}

void IncidentStore::LoadDetails(Incident& incident) {
  {
    Rows rows = database_->Query(
        "SELECT clock, title, recipient, due_us, met_us FROM incident_deadline "
        "WHERE incident=? ORDER BY due_us, clock",
        incident.id);
    while (rows.Next()) {
      Deadline deadline{rows.Text(0), rows.Text(1), rows.Text(2), rows.Time(3), std::nullopt};
      if (!rows.IsNull(4)) deadline.met = rows.Time(4);
      incident.deadlines.push_back(std::move(deadline));
    }
  }
  Rows rows = database_->Query(
      "SELECT session_id FROM incident_session WHERE incident=? ORDER BY session_id", incident.id);
  while (rows.Next()) incident.sessions.push_back(static_cast<uint64_t>(rows.Int(0)));
}

base::Result<std::vector<LogEntry>> IncidentStore::Log(std::string_view id) {
  const std::scoped_lock lock(mutex_);
  Transaction transaction(*database_, Transaction::Kind::kRead);
  std::vector<LogEntry> entries;
  {
    Rows rows = database_->Query(
        "SELECT time_us, actor, action, note FROM incident_log WHERE incident=? ORDER BY number",
        id);
    while (rows.Next()) {
      entries.push_back({rows.Time(0), rows.Text(1), rows.Text(2), rows.Text(3)});
    }
  }
  if (auto done = transaction.Commit(); !done) return done.error();
  return entries;
}

base::Result<Totals> IncidentStore::CountOpen() {
  const std::scoped_lock lock(mutex_);
  Transaction transaction(*database_, Transaction::Kind::kRead);
  Totals totals;
  {
    // A class that has had incidents stays in the answer with 0, so a gauge falls instead of going.
    Rows rows = database_->Query(
        "SELECT class, sum(state<>'closed') FROM incident GROUP BY class ORDER BY class");
    while (rows.Next()) totals.open_by_class[rows.Text(0)] = rows.Int(1);
  }
  {
    Rows rows = database_->Query(
        "SELECT clock, min(due_us) FROM incident_deadline JOIN incident ON incident.id=incident "
        "WHERE met_us IS NULL AND state<>'closed' GROUP BY clock");
    while (rows.Next()) totals.nearest_deadline_by_clock[rows.Text(0)] = rows.Time(1);
  }
  if (auto done = transaction.Commit(); !done) return done.error();
  return totals;
}

base::Result<Incident> IncidentStore::Advance(const Step& step, State to) {
  if (step.note.size() > kNoteBytesMax) {
    return base::Error{fmt::format("a note has at most {} bytes", kNoteBytesMax)};
  }
  const std::scoped_lock lock(mutex_);
  Transaction transaction(*database_, Transaction::Kind::kWrite);
  const auto before = Load(step.incident);
  if (!before) return NoIncident(step.incident);
  if (auto legal = CheckStep(before->state, to, step.note); !legal) {
    return base::Error{std::string(step.incident) + ": " + legal.error().message};
  }
  database_->Exec("UPDATE incident SET state=? WHERE id=?", StateName(to), step.incident);
  if (to == State::kReported) {
    database_->Exec("UPDATE incident_deadline SET met_us=? WHERE incident=? AND met_us IS NULL",
                    step.time, step.incident);
  }
  AppendLog(step, StateName(to));
  auto after = Load(step.incident);
  if (auto done = transaction.Commit(); !done) return done.error();
  if (!after) return NoIncident(step.incident);
  return *after;
}

base::Status IncidentStore::AddNote(const Step& step) {
  if (step.note.empty()) return base::Error{"a note needs words"};
  if (step.note.size() > kNoteBytesMax) {
    return base::Error{fmt::format("a note has at most {} bytes", kNoteBytesMax)};
  }
  const std::scoped_lock lock(mutex_);
  Transaction transaction(*database_, Transaction::Kind::kWrite);
  if (!Load(step.incident)) return NoIncident(step.incident);
  AppendLog(step, "note");
  return transaction.Commit();
}

}  // namespace weir::control::incidents
