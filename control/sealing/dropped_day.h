// What a dropped day (UTC) takes of the sealed spans.
//
// Spans end at midnight, and go with their day. Those of earlier versions may cross it, and are
// over sessions of which some are gone then: the rest stays as spans whose digest nobody knows, an
// empty one.
#pragma once

#include <utility>
#include <vector>

#include "control/audit/session_store.h"
#include "control/audit/store_keys.h"

namespace weir::control::sealing {

// `spans`: in order, of any type with an audit::TimeSpan `span`. `gone` is called with each that
// goes.
template <typename Sealed, typename Gone>
void DropDay(std::vector<Sealed>& spans, audit::DayNumber day, const Gone& gone) {
  const base::WallTime from = audit::DayStart(day);
  const base::WallTime to = audit::DayStart(day + 1);
  std::vector<Sealed> left;
  const auto leave = [&left](const audit::TimeSpan& span) {
    if (span.from < span.to) left.emplace_back().span = span;
  };
  for (Sealed& sealed : spans) {
    const audit::TimeSpan span = sealed.span;
    if (span.to <= from || to <= span.from) {
      left.push_back(std::move(sealed));
      continue;
    }
    gone(sealed);
    leave({span.from, from});
    leave({to, span.to});
  }
  spans = std::move(left);
}

}  // namespace weir::control::sealing
