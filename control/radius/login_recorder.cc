#include "control/radius/login_recorder.h"

#include <charconv>
#include <chrono>
#include <vector>

namespace weir::control::radius {
namespace {

constexpr auto kEvery = std::chrono::seconds(2);
constexpr size_t kChunk = 5'000;

// How far each source has come: "17" of RADIUS alone, "17 5" with DHCP.
struct Place {
  int64_t radius = 0;
  int64_t dhcp = 0;

  int64_t& Of(accounts::BindingSource source) {
    return source == accounts::BindingSource::kDhcp ? dhcp : radius;
  }
  std::string ToText() const {
    return std::to_string(radius) + (dhcp == 0 ? "" : " " + std::to_string(dhcp));
  }
};

base::Result<Place> ParsePlace(const std::string& text) {
  Place place;
  if (text.empty()) return place;
  const char* const end = text.data() + text.size();
  auto parsed = std::from_chars(text.data(), end, place.radius);
  if (parsed.ec == std::errc() && parsed.ptr != end && *parsed.ptr == ' ') {
    parsed = std::from_chars(parsed.ptr + 1, end, place.dhcp);
  }
  if (parsed.ec == std::errc() && parsed.ptr == end) return place;
  return base::Error{"the store's place among the log-ins is no number: '" + text + "'"};
}

void NotePrefix(accounts::Login& login) {
  if (login.ip.is_one_address()) return;
  const std::string text = login.ip.ToString();
  if (!login.port.empty()) login.port += ' ';
  login.port += "prefix " + text.substr(text.find('/'));
}

audit::LoginRecord ToRecord(const accounts::LoginChange& change) {
  const accounts::Login& login = change.login;
  audit::LoginRecord record;
  record.login_id = static_cast<uint64_t>(change.id);
  record.login_time = login.login_time;
  record.logout_time = login.logout_time;
  record.ip = login.ip.address();
  record.mac = login.mac;
  record.source = static_cast<uint8_t>(login.source);
  record.account = login.account;
  record.nas = login.nas_name;
  record.port = login.port;
  record.room = login.room;
  record.seat = login.seat;
  record.cause = login.cause;
  return record;
}

}  // namespace

void LoginRecorder::Start() {
  thread_.Start(kEvery, [this] { Look(); });
}

void LoginRecorder::Look() {
  const auto ran = Run();
  const std::string error = ran.ok() ? "" : ran.error().message;
  if (!error.empty() && error != trouble_) {
    log_("log-ins: they wait to be recorded: " + error);
  } else if (error.empty() && !trouble_.empty()) {
    log_("log-ins: recorded again");
  }
  trouble_ = error;
}

base::Result<uint64_t> LoginRecorder::Run() {
  uint64_t records = 0;
  for (accounts::LoginChanges* source : sources_) {
    while (true) {
      const auto chunk = RunChunk(*source);
      if (!chunk.ok()) return chunk.error();
      if (*chunk == 0) break;
      records += *chunk;
    }
  }
  return records;
}

base::Result<size_t> LoginRecorder::RunChunk(accounts::LoginChanges& source) {
  const auto position = store_.LoginPosition();
  if (!position.ok()) return position.error();
  auto place = ParsePlace(*position);
  if (!place.ok()) return place.error();
  int64_t& after = place->Of(source.source());
  auto changes = source.ChangesAfter(after, kChunk);
  if (!changes.ok()) return changes.error();
  if (changes->empty()) return size_t{0};
  after = changes->back().number;
  audit::Batch batch;
  for (accounts::LoginChange& change : *changes) {
    NotePrefix(change.login);
    batch.logins.push_back(ToRecord(change));
  }
  batch.login_position = place->ToText();
  if (auto committed = store_.Commit(batch); !committed.ok()) return committed.error();
  if (auto forgotten = source.ForgetChanges(after); !forgotten.ok()) return forgotten.error();
  return changes->size();
}

}  // namespace weir::control::radius
