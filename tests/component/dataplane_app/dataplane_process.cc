#include "tests/component/dataplane_app/dataplane_process.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <cstring>
#include <fstream>
#include <sstream>
#include <thread>

#include "dataplane/base/unique_fd.h"
#include "dataplane/events/journal_reader.h"
#include "tests/component/dataplane_app/pcap_file.h"

namespace weir::testing {
namespace {

using std::chrono::milliseconds;
constexpr int kPatienceMs = 30'000;

// The file that a queue's frames are written to.
std::string OutputOf(const std::string& side, unsigned queue) {
  return side + (queue == 0 ? "" : std::to_string(queue)) + ".out.pcap";
}

std::string ReadText(const std::filesystem::path& path) {
  std::ifstream file(path);
  std::ostringstream text;
  text << file.rdbuf();
  return text.str();
}

}  // namespace

DataplaneProcess::DataplaneProcess() {
  std::string name = (std::filesystem::temp_directory_path() / "weir-app-XXXXXX").string();
  home_ = ::mkdtemp(name.data());
  for (const char* folder : {"rules", "journal", "data"}) {
    std::filesystem::create_directory(home_ / folder);
  }
  SetRules("# none\n");
  SetFrames({}, {});
  const std::string home = home_.string();
  const auto port = [&home](const std::string& number, const std::string& side) {
    return "net_pcap" + number + ",rx_pcap=" + home + "/" + side + ".in.pcap,tx_pcap=" + home +
           "/" + side + ".out.pcap";
  };
  config_ = "sensor = \"test\"\n[ports]\ninside = \"" + port("0", "inside") + "\"\noutside = \"" +
            port("1", "outside") +
            "\"\n[dpdk]\nargs = [\"--no-huge\"]\n[workers]\ncores = [0]\nidle = \"sleep\"\n"
            "[policy]\nmode = \"enforce\"\nrules = [\"" +
            home + "/rules/*.rules\"]\n[flows]\nmax = 10000\n[journal]\ndir = \"" + home +
            "/journal\"\n[control]\ndata_dir = \"" + home + "/data\"\ndataplane_socket = \"" +
            home + "/dataplane.sock\"\n";
}

DataplaneProcess::~DataplaneProcess() {
  if (pid_ > 0) {
    ::kill(pid_, SIGKILL);
    ::waitpid(pid_, nullptr, 0);
  }
  std::error_code ignored;
  std::filesystem::remove_all(home_, ignored);
}

void DataplaneProcess::SetFrames(const std::vector<Bytes>& from_inside,
                                 const std::vector<Bytes>& from_outside) {
  WritePcap(home_ / "inside.in.pcap", from_inside);
  WritePcap(home_ / "outside.in.pcap", from_outside);
}

void DataplaneProcess::SetRules(const std::string& text) const {
  std::ofstream(home_ / "rules" / "test.rules", std::ios::trunc) << text;
}

void DataplaneProcess::ReplaceInConfig(const std::string& from, const std::string& to) {
  const size_t at = config_.find(from);
  ASSERT_NE(at, std::string::npos) << from;
  config_.replace(at, from.size(), to);
}

void DataplaneProcess::GiveSendQueues(unsigned count) {
  send_queues_ = count;
  for (const char* side : {"inside", "outside"}) {
    const auto argument = [&](unsigned queue) {
      return ",tx_pcap=" + (home_ / OutputOf(side, queue)).string();
    };
    std::string arguments;
    for (unsigned queue = 0; queue < count; ++queue) arguments += argument(queue);
    ReplaceInConfig(argument(0), arguments);
  }
}

void DataplaneProcess::Start(const std::vector<std::string>& arguments) {
  const std::string config_path = (home_ / "weir.toml").string();
  std::ofstream(config_path, std::ios::trunc) << config_;
  std::vector<std::string> words = {WEIR_DATAPLANE_PROGRAM, "--config", config_path, "--summary",
                                    (home_ / "summary.json").string()};
  words.insert(words.end(), arguments.begin(), arguments.end());
  std::vector<char*> argv;
  for (std::string& word : words) argv.push_back(word.data());
  argv.push_back(nullptr);
  const std::string log_path = (home_ / "log").string();
  pid_ = ::fork();
  ASSERT_GE(pid_, 0);
  if (pid_ == 0) {
    ::prctl(PR_SET_PDEATHSIG, SIGKILL);  // a test that is killed leaves nothing running
    const int log = ::open(log_path.c_str(), O_WRONLY | O_CREAT | O_APPEND, 0600);
    ::dup2(log, STDOUT_FILENO);
    ::dup2(log, STDERR_FILENO);
    ::execv(argv[0], argv.data());
    ::_exit(127);
  }
}

bool DataplaneProcess::WaitUntilItAnswers() {
  for (int waited = 0; waited < kPatienceMs; waited += 20) {
    if (!Ask({{"cmd", "status"}}).is_null()) return true;
    if (::kill(pid_, 0) != 0 || ::waitpid(pid_, nullptr, WNOHANG) != 0) break;
    std::this_thread::sleep_for(milliseconds(20));
  }
  ADD_FAILURE() << "weir-dataplane does not answer:\n" << log();
  return false;
}

void DataplaneProcess::Signal(int signal) const { ::kill(pid_, signal); }

int DataplaneProcess::Wait() {
  int status = 0;
  for (int waited = 0; waited < kPatienceMs; waited += 10) {
    if (::waitpid(pid_, &status, WNOHANG) == pid_) {
      pid_ = -1;
      return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
    }
    std::this_thread::sleep_for(milliseconds(10));
  }
  ADD_FAILURE() << "weir-dataplane does not end:\n" << log();
  return -1;
}

int DataplaneProcess::Stop() {
  Signal(SIGTERM);
  return Wait();
}

nlohmann::json DataplaneProcess::AskLine(const std::string& line) const {
  const base::UniqueFd fd(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  std::strncpy(address.sun_path, (home_ / "dataplane.sock").c_str(), sizeof address.sun_path - 1);
  if (::connect(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) {
    return nullptr;
  }
  const std::string request = line + "\n";
  if (::send(fd.get(), request.data(), request.size(), MSG_NOSIGNAL) < 0) return nullptr;
  std::string reply;
  char byte = 0;
  while (::recv(fd.get(), &byte, 1, 0) == 1 && byte != '\n') reply += byte;
  return nlohmann::json::parse(reply, nullptr, false);
}

nlohmann::json DataplaneProcess::WaitForPackets(uint64_t received) const {
  nlohmann::json stats;
  for (int waited = 0; waited < kPatienceMs; waited += 20) {
    stats = Ask({{"cmd", "stats"}});
    if (!stats.is_object()) break;
    // Received, and also decided: a batch under way is counted by the port first.
    uint64_t sum = 0;
    uint64_t decided = 0;
    for (const auto& worker : stats["workers"]) {
      sum += worker["rx_packets"].get<uint64_t>();
      decided += worker["forwarded_packets"].get<uint64_t>();
      decided += worker["dropped_packets"].get<uint64_t>();
    }
    if (sum >= received && decided >= received) return stats;
    std::this_thread::sleep_for(milliseconds(20));
  }
  ADD_FAILURE() << "never received " << received << " packets: " << stats << "\n" << log();
  return stats;
}

std::string DataplaneProcess::log() const { return ReadText(home_ / "log"); }

nlohmann::json DataplaneProcess::summary() const {
  return nlohmann::json::parse(ReadText(home_ / "summary.json"), nullptr, false);
}

std::vector<Bytes> DataplaneProcess::SentBy(const std::string& side) const {
  std::vector<Bytes> frames;
  for (unsigned queue = 0; queue < send_queues_; ++queue) {
    for (Bytes& frame : ReadPcap(home_ / OutputOf(side, queue))) frames.push_back(std::move(frame));
  }
  return frames;
}

template <typename Visit>
void DataplaneProcess::ForEachFrame(const Visit& visit) const {
  auto reader = events::JournalReader::Open(home_ / "journal", {});
  ASSERT_TRUE(reader.ok());
  events::Frame frame;
  while ((*reader)->Next(frame) == events::ReadOutcome::kFrame) visit(frame);
}

std::map<std::pair<uint64_t, uint32_t>, DataplaneProcess::Session> DataplaneProcess::sessions()
    const {
  std::map<std::pair<uint64_t, uint32_t>, Session> sessions;
  ForEachFrame([&sessions](const events::Frame& frame) {
    if (frame.type != events::EventType::kSession) return;
    const auto event = events::DecodeSession(frame.payload);
    ASSERT_TRUE(event.ok());
    Session& session = sessions[{event->session_id, event->part}];
    if (event->revision < session.event.revision) return;
    session.rule = event->rule;
    session.event = *event;
    session.event.name = session.event.app = session.event.category = session.event.rule = {};
  });
  return sessions;
}

bool DataplaneProcess::WaitForSessions(size_t count) const {
  for (int waited = 0; waited < kPatienceMs; waited += 20) {
    if (sessions().size() >= count) return true;
    std::this_thread::sleep_for(milliseconds(20));
  }
  return false;
}

std::vector<events::HealthKind> DataplaneProcess::health() const {
  std::vector<events::HealthKind> kinds;
  ForEachFrame([&kinds](const events::Frame& frame) {
    if (frame.type != events::EventType::kHealth) return;
    const auto event = events::DecodeHealth(frame.payload);
    ASSERT_TRUE(event.ok());
    kinds.push_back(event->kind);
  });
  return kinds;
}

}  // namespace weir::testing
