#include "control/audit/open_sessions.h"

#include <memory>

#include "control/audit/bytes.h"

namespace weir::control::audit {

std::string OpenSessionKey(const PartId& id) {
  std::string key;
  PutBe(key, id.session_id);
  PutBe(key, id.part);
  return key;
}

std::string OpenSessionValue(const StoredPart& part) {
  std::string value;
  PutBe(value, static_cast<uint32_t>(part.day));
  return value += part.key;
}

OpenPlace DecodeOpenSession(std::string_view value) {
  base::Cursor in(AsBytes(value));
  const auto day = static_cast<DayNumber>(in.U32());
  return {day, value.substr(in.ok() ? sizeof(uint32_t) : value.size())};
}

base::Result<uint64_t> ForgetOpenSessions(rocksdb::WriteBatch& batch, const RocksDb& db,
                                          DayNumber day) {
  uint64_t forgotten = 0;
  const std::unique_ptr<rocksdb::Iterator> at(db.db()->NewIterator({}, db.open_sessions()));
  for (at->SeekToFirst(); at->Valid(); at->Next()) {
    if (DecodeOpenSession(at->value().ToStringView()).day != day) continue;
    static_cast<void>(batch.Delete(db.open_sessions(), at->key()));
    forgotten++;
  }
  if (at->status().ok()) return forgotten;
  return base::Error{"session store: cannot read its open sessions: " + at->status().ToString()};
}

}  // namespace weir::control::audit
