#include "control/incidents/case_report.h"

#include <fmt/format.h>

#include <iterator>
#include <string_view>

namespace weir::control::incidents {
namespace {

// Text from outside must not break a table's cell or draw headings of its own.
std::string Cell(std::string_view text) {
  std::string out;
  for (const char c : text) {
    if (c == '\n' || c == '\r') {
      out += ' ';
    } else {
      if (c == '|' || c == '`' || c == '\\') out += '\\';
      out += c;
    }
  }
  return out.empty() ? "-" : out;
}

std::string_view SubjectTitle(SubjectKind kind) {
  switch (kind) {
    case SubjectKind::kAccount:
      return "Account";
    case SubjectKind::kIp:
      return "Inside address (account unknown)";
    case SubjectKind::kMany:
      return "Subjects";
  }
  return "";
}

}  // namespace

std::string RenderCaseReport(const Incident& incident, std::span<const LogEntry> log) {
  std::string out;
  const auto row = [&out](std::string_view key, std::string_view value) {
    fmt::format_to(std::back_inserter(out), "| {} | {} |\n", key, Cell(value));
  };
  fmt::format_to(std::back_inserter(out), "# Incident {}\n\n| | |\n|---|---|\n", incident.id);
  row("State", StateName(incident.state));
  row("Class", incident.rule_class);
  row("Severity", incident.severity);
  row("Rule", incident.rule);
  row("Reason given by the rule", incident.reason);
  row(SubjectTitle(incident.subject_kind), incident.subject);
  row("Group", incident.group);
  row("Discovered (UTC)", base::FormatRfc3339(incident.discovered));
  row("Last seen (UTC)", base::FormatRfc3339(incident.last_seen));
  row("Findings", std::to_string(incident.findings));
  row("First seen name", incident.first_name);
  row("First seen peer", incident.first_peer);
  row("What Weir did", incident.first_verdict);

  out +=
      "\n## Deadlines\n\n| clock | recipient | due (UTC) | report made (UTC) "
      "|\n|---|---|---|---|\n";
  for (const Deadline& deadline : incident.deadlines) {
    fmt::format_to(std::back_inserter(out), "| {} | {} | {} | {} |\n", Cell(deadline.clock),
                   Cell(deadline.recipient), base::FormatRfc3339(deadline.due),
                   deadline.met ? base::FormatRfc3339(*deadline.met) : "-");
  }
  out += "\n## Course\n\n| time (UTC) | who | step | note |\n|---|---|---|---|\n";
  for (const LogEntry& entry : log) {
    fmt::format_to(std::back_inserter(out), "| {} | {} | {} | {} |\n",
                   base::FormatRfc3339(entry.time), Cell(entry.actor), entry.action,
                   Cell(entry.note));
  }
  fmt::format_to(std::back_inserter(out), "\n## Sessions ({} of {} findings, as samples)\n\n",
                 incident.sessions.size(), incident.findings);
  for (const uint64_t session : incident.sessions) {
    fmt::format_to(std::back_inserter(out), "- {:016x}\n", session);
  }
  return out;
}

}  // namespace weir::control::incidents
