// The data plane's control socket: a unix stream socket, one JSON object a line, one reply a line.
//
// Main thread only; never blocks: its descriptors are polled with the main loop's own. A request
// may be answered later (an install waits for the compiler); a client's next line is looked at when
// it has its reply. Everything a client can use up has a limit.
#pragma once

#include <poll.h>

#include <cstdint>
#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "dataplane/base/result.h"
#include "dataplane/base/unique_fd.h"

namespace weir::appliance {

class ControlServer {
 public:
  static constexpr size_t kClientsMax = 64;
  static constexpr size_t kRequestBytesMax = size_t{64} << 20;  // a policy of many long lists

  using ClientId = uint64_t;
  // Answers with Reply(), at once or later.
  using Handler = std::function<void(ClientId client, std::string_view line)>;

  // Makes the folder when it is missing. A socket that nobody listens on is taken over; one with a
  // living owner is an error.
  static base::Result<std::unique_ptr<ControlServer>> Listen(const std::filesystem::path& path,
                                                             Handler handler);
  ~ControlServer();
  ControlServer(const ControlServer&) = delete;
  ControlServer& operator=(const ControlServer&) = delete;

  void AddTo(std::vector<pollfd>& polled) const;
  void Serve();

  // One line. A client that has gone meanwhile is none: nothing happens.
  void Reply(ClientId client, const std::string& line);

 private:
  struct Client {
    base::UniqueFd fd;
    std::string in;
    std::string out;
    bool awaits_reply = false;
    bool closing = false;  // once `out` has gone
  };

  ControlServer(std::filesystem::path path, base::UniqueFd fd, Handler handler);
  void Accept();
  bool Read(Client& client);
  void HandleLines(ClientId id);
  static bool Write(Client& client);

  std::filesystem::path path_;
  base::UniqueFd listener_;
  Handler handler_;
  ClientId next_id_ = 1;
  std::map<ClientId, Client> clients_;
};

}  // namespace weir::appliance
