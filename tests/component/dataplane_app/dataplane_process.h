// weir-dataplane as a child process with a folder of its own, for tests: DPDK starts only once in a
// process. Its ports are capture files, so that nothing of the machine's network is touched.
#pragma once

#include <sys/types.h>

#include <filesystem>
#include <map>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "dataplane/events/event.h"
#include "tests/support/packet_builder.h"

namespace weir::testing {

class DataplaneProcess {
 public:
  DataplaneProcess();
  ~DataplaneProcess();
  DataplaneProcess(const DataplaneProcess&) = delete;
  DataplaneProcess& operator=(const DataplaneProcess&) = delete;

  const std::filesystem::path& home() const { return home_; }

  // Before Start(). Ports without frames receive nothing.
  void SetFrames(const std::vector<Bytes>& from_inside, const std::vector<Bytes>& from_outside);
  void SetRules(const std::string& text) const;
  void ReplaceInConfig(const std::string& from, const std::string& to);
  // Each port gets so many queues to send by, each with a file of its own.
  void GiveSendQueues(unsigned count);

  void Start(const std::vector<std::string>& arguments = {});
  bool WaitUntilItAnswers();
  void Signal(int signal) const;
  // Its exit code; -1 when a signal ended it or it had to be killed after 30 seconds.
  int Wait();
  // SIGTERM and Wait().
  int Stop();

  // One request on a connection of its own; null when nobody answers.
  nlohmann::json Ask(const nlohmann::json& request) const { return AskLine(request.dump()); }
  nlohmann::json AskLine(const std::string& line) const;
  // Asks for `stats` until so many packets have been received.
  nlohmann::json WaitForPackets(uint64_t received) const;

  std::string log() const;  // stdout and stderr
  nlohmann::json summary() const;
  // By the port on that side; of several queues one after the other.
  std::vector<Bytes> sent_inside() const { return SentBy("inside"); }
  std::vector<Bytes> sent_outside() const { return SentBy("outside"); }

  struct Session {
    events::SessionEvent event;  // without its strings
    std::string rule;
  };
  // The newest revision of each session in the journal, by (id, part).
  std::map<std::pair<uint64_t, uint32_t>, Session> sessions() const;
  bool WaitForSessions(size_t count) const;
  std::vector<events::HealthKind> health() const;

 private:
  template <typename Visit>
  void ForEachFrame(const Visit& visit) const;
  std::vector<Bytes> SentBy(const std::string& side) const;

  std::filesystem::path home_;
  std::string config_;
  unsigned send_queues_ = 1;
  pid_t pid_ = -1;
};

}  // namespace weir::testing
