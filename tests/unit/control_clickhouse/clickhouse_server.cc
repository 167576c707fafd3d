#include "clickhouse_server.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <cstdlib>
#include <fstream>
#include <memory>
#include <sstream>

#include "dataplane/base/time.h"
#include "dataplane/base/unique_fd.h"

namespace weir::control::clickhouse {
namespace {

constexpr int kStartAttempts = 5;
constexpr int64_t kStartSeconds = 60;
const std::atomic<bool> kNeverStop{false};

uint16_t FreePort() {
  const base::UniqueFd fd(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof address;
  auto* const any = reinterpret_cast<sockaddr*>(&address);
  if (::bind(fd.get(), any, size) != 0 || ::getsockname(fd.get(), any, &size) != 0) return 0;
  return ntohs(address.sin_port);
}

}  // namespace

std::string ClickhouseProgram() {
  for (const char* path : {"/usr/sbin/clickhouse-server", "/usr/bin/clickhouse-server"}) {
    if (::access(path, X_OK) == 0) return path;
  }
  return {};
}

ClickhouseServer::ClickhouseServer() : port_(FreePort()) {
  std::string pattern = std::filesystem::temp_directory_path() / "weir-clickhouse-XXXXXX";
  dir_ = mkdtemp(pattern.data());
  WriteConfig();
}

ClickhouseServer::~ClickhouseServer() {
  Kill();
  std::filesystem::remove_all(dir_);
}

void ClickhouseServer::WriteConfig() const {
  const std::string dir = dir_.string();
  std::ofstream(dir_ / "config.xml") << fmt::format(
      "<yandex><logger><level>warning</level><log>{0}/log</log><errorlog>{0}/errors</errorlog>"
      "</logger><http_port>{1}</http_port><listen_host>127.0.0.1</listen_host>"
      "<path>{0}/data/</path><tmp_path>{0}/tmp/</tmp_path><users_config>users.xml</users_config>"
      "<default_profile>default</default_profile><default_database>default</default_database>"
      "<mark_cache_size>16777216</mark_cache_size><timezone>Asia/Shanghai</timezone></yandex>\n",
      dir, port_);
  std::ofstream(dir_ / "users.xml")
      << "<yandex><profiles><default><max_memory_usage>1000000000</max_memory_usage>"
         "<max_threads>2</max_threads><background_pool_size>2</background_pool_size></default>"
         "<small><max_memory_usage>320000000</max_memory_usage><max_threads>2</max_threads></small>"
         "</profiles><users><weir><password>a secret</password><networks><ip>127.0.0.1</ip>"
         "</networks><profile>default</profile><quota>default</quota></weir><small><password>a "
         "secret</password><networks><ip>127.0.0.1</ip></networks><profile>small</profile>"
         "<quota>default</quota></small></users><quotas><default/></quotas></yandex>\n";
}

bool ClickhouseServer::Start() {
  const std::string program = ClickhouseProgram();
  const std::string config = "--config-file=" + (dir_ / "config.xml").string();
  const std::string output = (dir_ / "output").string();
  for (int attempt = 0; attempt < kStartAttempts; attempt++) {
    const pid_t parent = ::getpid();
    process_ = ::fork();
    if (process_ == 0) {
      ::prctl(PR_SET_PDEATHSIG, SIGKILL);
      if (::getppid() != parent) ::_exit(1);
      const int out = ::open(output.c_str(), O_WRONLY | O_CREAT | O_APPEND, 0600);
      ::dup2(out, STDOUT_FILENO);
      ::dup2(out, STDERR_FILENO);
      ::execl(program.c_str(), program.c_str(), config.c_str(), nullptr);
      ::_exit(127);
    }
    const int64_t end_ns = base::MonoNow().ns + kStartSeconds * base::kNsPerSecond;
    while (base::MonoNow().ns < end_ns && ::waitpid(process_, nullptr, WNOHANG) == 0) {
      if (Answers()) return true;
      ::usleep(50'000);
    }
    if (::kill(process_, 0) == 0) Kill();
    process_ = 0;
  }
  std::ostringstream said;
  said << std::ifstream(output).rdbuf();
  error_ = program + " does not start: " + said.str();
  return false;
}

void ClickhouseServer::Kill() {
  if (process_ <= 0) return;
  ::kill(process_, SIGKILL);
  ::waitpid(process_, nullptr, 0);
  process_ = 0;
}

bool ClickhouseServer::Answers() const {
  HttpConnection server(EndpointOf("default"), kNeverStop);
  return server.Ask("SELECT 1").ok();
}

Endpoint ClickhouseServer::EndpointOf(const std::string& database) const {
  Endpoint endpoint;
  endpoint.url = fmt::format("http://127.0.0.1:{}", port_);
  endpoint.database = database;
  endpoint.user = "weir";
  endpoint.password = "a secret";
  return endpoint;
}

std::string ClickhouseServer::Ask(const std::string& sql) const {
  HttpConnection server(EndpointOf("default"), kNeverStop);
  auto answer = server.Ask(sql);
  EXPECT_TRUE(answer.ok()) << (answer.ok() ? "" : answer.error().message);
  if (!answer.ok()) return {};
  if (answer->ends_with('\n')) answer->pop_back();
  return *answer;
}

std::unique_ptr<ClickhouseServer> OwnServer() {
  if (!ClickhouseProgram().empty()) return std::make_unique<ClickhouseServer>();
  const char* ci = std::getenv("CI");
  if (ci != nullptr && std::string_view(ci) == "true") {
    ADD_FAILURE() << "clickhouse-server is missing: scripts/setup installs it";
  }
  return nullptr;
}

ClickhouseServer* SharedServer() {
  static std::unique_ptr<ClickhouseServer> server;
  if (server) return server.get();
  server = OwnServer();
  if (server && !server->Start()) {
    ADD_FAILURE() << server->error();
    server.reset();
  }
  return server.get();
}

std::string NewDatabase() {
  static int count = 0;
  return fmt::format("test_{}", ++count);
}

}  // namespace weir::control::clickhouse
