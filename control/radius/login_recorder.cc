#include "control/radius/login_recorder.h"

#include <charconv>
#include <chrono>
#include <vector>

namespace weir::control::radius {
namespace {

constexpr auto kEvery = std::chrono::seconds(2);
constexpr size_t kChunk = 5'000;

audit::LoginRecord ToRecord(const LoginChange& change) {
  const Login& login = change.login;
  audit::LoginRecord record;
  record.login_id = static_cast<uint64_t>(change.id);
  record.login_time = login.login_time;
  record.logout_time = login.logout_time;
  record.ip = login.ip;
  record.mac = login.mac;
  record.source = static_cast<uint8_t>(login.source);
  record.account = login.account;
  record.nas = login.nas_name;
  record.port = login.port;
  record.cause = login.cause;
  return record;
}

}  // namespace

void LoginRecorder::Start() {
  thread_ = std::thread([this] { Loop(); });
}

void LoginRecorder::Stop() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  wakes_.notify_all();
  if (thread_.joinable()) thread_.join();
}

void LoginRecorder::Loop() {
  std::unique_lock lock(mutex_);
  while (!stopping_) {
    lock.unlock();
    const auto ran = Run();
    const std::string error = ran.ok() ? "" : ran.error().message;
    if (!error.empty() && error != trouble_) {
      log_("log-ins: they wait to be recorded: " + error);
      trouble_ = error;
    } else if (error.empty() && !trouble_.empty()) {
      log_("log-ins: recorded again");
      trouble_.clear();
    }
    lock.lock();
    wakes_.wait_for(lock, kEvery, [this] { return stopping_; });
  }
}

base::Result<uint64_t> LoginRecorder::Run() {
  uint64_t records = 0;
  while (true) {
    const auto chunk = RunChunk();
    if (!chunk.ok()) return chunk.error();
    if (*chunk == 0) return records;
    records += *chunk;
  }
}

base::Result<size_t> LoginRecorder::RunChunk() {
  const auto position = store_.LoginPosition();
  if (!position.ok()) return position.error();
  int64_t after = 0;
  const char* const end = position->data() + position->size();
  const auto parsed = std::from_chars(position->data(), end, after);
  if (!position->empty() && (parsed.ec != std::errc() || parsed.ptr != end)) {
    return base::Error{"the store's place among the log-ins is no number: '" + *position + "'"};
  }
  const auto changes = book_.ChangesAfter(after, kChunk);
  if (!changes.ok()) return changes.error();
  if (changes->empty()) return size_t{0};
  audit::Batch batch;
  for (const LoginChange& change : *changes) batch.logins.push_back(ToRecord(change));
  batch.login_position = std::to_string(changes->back().number);
  if (auto committed = store_.Commit(batch); !committed.ok()) return committed.error();
  if (auto forgotten = book_.ForgetChanges(changes->back().number); !forgotten.ok()) {
    return forgotten.error();
  }
  return changes->size();
}

}  // namespace weir::control::radius
