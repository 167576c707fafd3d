// From what a parser read to names told and a reason counted. Inner header of this folder.
//
// A worker's thread; no allocation.
#pragma once

#include <cstdint>
#include <span>

#include "dataplane/names/dns_message.h"
#include "dataplane/names/name_sink.h"
#include "dataplane/names/outcome.h"

namespace weir::names {

struct Report {
  Outcome outcome = Outcome::kNone;  // kFound when a name was told
  Coverage coverage = Coverage::kUndecided;
};

// Tells the hello and its names. `outcome` is the parser's: kFound or kNone.
Report ReportHello(const ClientHello& hello, Source source, NameSink& sink);

// Tells the name of every question of a query.
Report ReportDns(const DnsMessage& message, NameSink& sink);

// The reason for an outcome that holds no name.
Coverage CoverageOf(Outcome outcome);

}  // namespace weir::names
