// The data plane's side of its control socket, in the test's process: keeps every request, installs
// any policy unless told to refuse, decides by the words of its lines, and can be away, start
// again, or misbehave.
#pragma once

#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <cstring>
#include <filesystem>
#include <map>
#include <mutex>
#include <nlohmann/json.hpp>
#include <sstream>
#include <string>
#include <thread>
#include <vector>

#include "dataplane/base/unique_fd.h"

namespace weir::control::testing_support {

class FakeDataplane {
 public:
  explicit FakeDataplane(std::filesystem::path socket) : socket_(std::move(socket)) {}
  ~FakeDataplane() { Stop(); }

  // A new start: another boot_id, and the version begins at 1.
  void Start() {
    {
      const std::scoped_lock lock(mutex_);
      boot_id_ = "boot-" + std::to_string(++boots_);
      version_ = 1;
      digest_ = start_digest_;
    }
    ::unlink(socket_.c_str());
    listener_.Reset(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    socket_.native().copy(address.sun_path, sizeof address.sun_path - 1);
    if (::bind(listener_.get(), reinterpret_cast<sockaddr*>(&address), sizeof address) != 0 ||
        ::listen(listener_.get(), 16) != 0) {
      std::perror("fake data plane");
      std::abort();
    }
    stopping_ = false;
    thread_ = std::thread([this] { Run(); });
  }

  void Stop() {
    stopping_ = true;
    if (thread_.joinable()) thread_.join();
    listener_.Reset();
    ::unlink(socket_.c_str());
  }

  void RefuseInstalls(const std::string& error) {
    const std::scoped_lock lock(mutex_);
    refusal_ = error;
  }
  // What is said instead of any reply; "" hangs up.
  void AnswerOnly(const std::string& line) {
    const std::scoped_lock lock(mutex_);
    answer_only_ = line;
    misbehaves_ = true;
  }
  void SetStats(const nlohmann::json& stats) {
    const std::scoped_lock lock(mutex_);
    stats_ = stats;
  }
  // Gives every answer to `why` about this name, address or "tcp/25" a verdict of its own, from the
  // next install of a text with `if_installed` in it on.
  void DecideWrongly(const std::string& value, const std::string& verdict,
                     const std::string& if_installed = "") {
    const std::scoped_lock lock(mutex_);
    wrong_ = {value, verdict, if_installed};
  }
  void SetStartDigest(const std::string& digest) {
    const std::scoped_lock lock(mutex_);
    start_digest_ = digest;
  }

  std::vector<nlohmann::json> Installs() {
    const std::scoped_lock lock(mutex_);
    return installs_;
  }
  // The text of the blocks file as installed last.
  std::string InstalledBlocks() {
    const std::scoped_lock lock(mutex_);
    return installs_.empty() ? "" : installs_.back()["sources"][0]["text"].get<std::string>();
  }
  // The text of the first rules file as installed last.
  std::string InstalledRules() {
    const std::scoped_lock lock(mutex_);
    return installs_.empty() ? "" : installs_.back()["sources"][1]["text"].get<std::string>();
  }
  // The policy tried last.
  nlohmann::json Tried() {
    const std::scoped_lock lock(mutex_);
    return tried_;
  }
  std::vector<nlohmann::json> Questions() {
    const std::scoped_lock lock(mutex_);
    return questions_;
  }
  // Whose the addresses are, as told.
  std::map<std::string, std::string> Accounts() {
    const std::scoped_lock lock(mutex_);
    return accounts_;
  }
  bool bypass() {
    const std::scoped_lock lock(mutex_);
    return bypass_;
  }
  // How many updates came, and how many addresses were in them.
  size_t identity_updates() {
    const std::scoped_lock lock(mutex_);
    return updates_;
  }
  size_t identity_changes() {
    const std::scoped_lock lock(mutex_);
    return changes_;
  }
  // As if one update had been lost on the way.
  void LoseIdentityUpdate() {
    const std::scoped_lock lock(mutex_);
    ++seq_;
  }
  std::string digest() {
    const std::scoped_lock lock(mutex_);
    return digest_;
  }

 private:
  void Run() {
    while (!stopping_) {
      pollfd waiting{listener_.get(), POLLIN, 0};
      if (::poll(&waiting, 1, 20) <= 0) continue;
      const base::UniqueFd fd(::accept4(listener_.get(), nullptr, nullptr, SOCK_CLOEXEC));
      if (fd) Serve(fd.get());
    }
  }

  void Serve(int fd) {
    std::string line;
    char chunk[65536];
    while (line.find('\n') == std::string::npos) {
      const ssize_t got = ::recv(fd, chunk, sizeof chunk, 0);
      if (got <= 0) return;
      line.append(chunk, static_cast<size_t>(got));
    }
    const std::string reply = Answer(nlohmann::json::parse(line, nullptr, false));
    static_cast<void>(!::send(fd, reply.data(), reply.size(), MSG_NOSIGNAL));
  }

  std::string Answer(const nlohmann::json& request) {
    const std::scoped_lock lock(mutex_);
    if (misbehaves_) return answer_only_;
    const std::string command = request.value("cmd", "");
    nlohmann::json reply{{"ok", true}, {"boot_id", boot_id_}};
    if (command == "policy.install") {
      if (!refusal_.empty()) return Refuse(refusal_);
      installs_.push_back(request);
      ++version_;
      digest_ = request.value("digest", "");
    }
    if (command == "policy.install" || command == "policy.status") {
      reply["policy"] = {{"version", version_},
                         {"digest", digest_},
                         {"rules", 3},
                         {"mode", "enforce"},
                         {"installed", "2026-11-22T09:00:00.000000Z"}};
    } else if (command == "identity.update") {
      TakeIdentities(request, reply);
    } else if (command == "stats") {
      reply.update(stats_);
    } else if (command == "why") {
      questions_.push_back(request);
      reply.update(Decide(request));
      const auto owner = accounts_.find(request.value("src", ""));
      if (owner != accounts_.end()) reply["src_owner"] = {{"account", owner->second}};
    } else if (command == "rules") {
      reply["rules"] =
          nlohmann::json::array({{{"id", "block-1"}, {"hits", 7}, {"text", "drop x"}}});
      if (InstalledText().find("protect ") != std::string::npos) {
        reply["rules"].push_back({{"id", "campus:1"}, {"verb", "protect"}});
      }
    } else if (command == "policy.try") {
      reply["trial"] = 7;
      reply["live"] = {{"looked_at", 2}, {"same", 2}, {"total", 3}, {"changes", nullptr}};
      tried_ = request;
    } else if (command == "policy.judge") {
      const size_t count = request["sessions"].size();
      if (request["trial"] != 7) return Refuse("there is no such trial any more");
      reply["looked_at"] = count;
      reply["changes"] = {{{"from", "pass"},
                           {"to", "drop"},
                           {"rule_before", ""},
                           {"rule", "x"},
                           {"count", count},
                           {"places", {{"www.lab.example:443/tcp", count}}}}};
    } else if (command == "bypass") {
      reply["bypass"] = request["on"];
      bypass_ = request["on"];
    } else if (command == "flows") {
      reply["flows"] = {{{"src_ip", "10.0.0.1"}}, {{"src_ip", "10.0.0.2"}}};
    } else {
      return Refuse("unknown command '" + command + "'");
    }
    return reply.dump() + "\n";
  }

  std::string InstalledText() const {
    std::string text;
    for (const auto& source : installs_.empty() ? nlohmann::json() : installs_.back()["sources"]) {
      text += source["text"].get<std::string>();
    }
    return text;
  }

  // The first line with the word in it decides, `protect` before all others.
  nlohmann::json Decide(const nlohmann::json& request) const {
    const std::string port =
        request.value("proto", "tcp") + "/" + std::to_string(request.value("port", 0));
    const std::string value = request.value("name", request.value("dst", port));
    const std::string text = InstalledText();
    if (wrong_.value == value && text.find(wrong_.if_installed) != std::string::npos) {
      return {{"verdict", wrong_.verdict}, {"rule", {{"id", "wrong"}, {"verb", wrong_.verdict}}}};
    }
    for (const bool protect : {true, false}) {
      std::istringstream in(text);
      for (std::string line; std::getline(in, line);) {
        const std::string verb = line.substr(0, line.find(' '));
        if ((verb == "protect") != protect || verb == "#") continue;
        if ((line + " ").find(" " + value + " ") == std::string::npos) continue;
        const size_t id = line.find(" id ");
        const bool stops = verb == "drop" || verb == "reject";
        return {{"verdict", stops ? verb : "pass"},
                {"rule",
                 {{"id", id == std::string::npos ? "rule" : line.substr(id + 4)},
                  {"verb", verb},
                  {"text", line}}}};
      }
    }
    return {{"verdict", "pass"}, {"rule", nullptr}};
  }

  // As the data plane does: what does not follow is to be told again, with everything.
  void TakeIdentities(const nlohmann::json& request, nlohmann::json& reply) {
    const uint64_t seq = request["seq"];
    const bool full = request.value("full", false);
    const bool begins = full && request.value("first", false);
    const bool follows =
        request["boot"] == publisher_ && seq == seq_ + 1 && publisher_boot_ == boot_id_;
    ++updates_;
    reply["again"] = !begins && !follows;
    if (!begins && !follows) return;
    publisher_ = request["boot"];
    publisher_boot_ = boot_id_;
    seq_ = seq;
    if (begins) staged_.clear();
    std::map<std::string, std::string>& target = full ? staged_ : accounts_;
    for (const auto& entry : request["set"]) target[entry["ip"]] = entry["account"];
    for (const auto& ip : request["remove"]) target.erase(ip.get<std::string>());
    if (full && request.value("last", false)) accounts_ = staged_;
    changes_ += request["set"].size() + request["remove"].size();
    reply["addresses"] = accounts_.size();
    reply["refused"] = 0;
  }

  static std::string Refuse(const std::string& error) {
    return nlohmann::json{{"ok", false}, {"error", error}}.dump() + "\n";
  }

  const std::filesystem::path socket_;
  base::UniqueFd listener_;
  std::thread thread_;
  std::atomic<bool> stopping_{false};
  std::mutex mutex_;
  int boots_ = 0;
  std::string boot_id_;
  uint64_t version_ = 1;
  std::string digest_;
  std::string start_digest_;
  std::string refusal_;
  std::string answer_only_;
  bool misbehaves_ = false;
  bool bypass_ = false;
  nlohmann::json stats_ = nlohmann::json::object();
  std::vector<nlohmann::json> installs_;
  std::vector<nlohmann::json> questions_;
  nlohmann::json tried_;
  struct {
    std::string value, verdict, if_installed;
  } wrong_;
  std::string publisher_;
  std::string publisher_boot_;
  uint64_t seq_ = 0;
  size_t updates_ = 0;
  size_t changes_ = 0;
  std::map<std::string, std::string> staged_;
  std::map<std::string, std::string> accounts_;
};

// Tries until it holds or five seconds are over.
template <typename Condition>
bool Eventually(const Condition& condition) {
  for (int tries = 0; tries < 500; ++tries) {
    if (condition()) return true;
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
  }
  return false;
}

}  // namespace weir::control::testing_support
