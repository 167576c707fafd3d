#include "control/clickhouse/late_lookup.h"

#include "control/clickhouse/archive_reader.h"

namespace weir::control::clickhouse {
namespace {

base::Status AskAndSettle(audit::RocksSpool& spool, HttpConnection& server,
                          const audit::RecordPlace& place) {
  const auto key = audit::DecodeRecordKey(place.day, place.key);
  if (!key) return base::Error{"the session store's outbox is damaged"};
  const audit::SessionOrder& order = key->order;
  audit::Query query;
  query.session_id = order.session_id;
  query.from = order.start;
  query.to = base::WallTime{order.start.ns + 1};
  query.by_start = true;
  bool is_there = false;
  base::Status settled;
  const audit::SessionVisitor settle = [&](const audit::SessionRecord& record) {
    is_there = record.event.part == order.part;
    if (is_there) settled = spool.SettleLateAt(place, &record);
    return !is_there;
  };
  ArchiveReader reader(server, query, settle);
  const auto read = reader.Read({{place.day, query.from->ns, query.to->ns, false, 0}});
  if (!read.ok()) return read.error();
  return is_there ? settled : spool.SettleLateAt(place, nullptr);
}

}  // namespace

base::Status SettleLateOnes(audit::RocksSpool& spool, const ArchiveBook& book,
                            HttpConnection& server, std::span<const audit::RecordPlace> places) {
  const auto unsettled = spool.UnsettledLate(places);
  if (!unsettled.ok()) return unsettled.error();
  for (const audit::RecordPlace& place : *unsettled) {
    auto settled = book.Has(place.day) ? AskAndSettle(spool, server, place)
                                       : spool.SettleLateAt(place, nullptr);
    if (!settled.ok()) return settled;
  }
  return {};
}

}  // namespace weir::control::clickhouse
