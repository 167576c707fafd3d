// All of weir-control in this process, with a journal, a store, a socket and a data plane that is
// fake, asked through weirctl.
#pragma once

#include <gtest/gtest.h>
#include <spdlog/spdlog.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <memory>
#include <string>
#include <vector>

#include "control/app/control_app.h"
#include "control/cli/command_line.h"
#include "control/cli/http_client.h"
#include "control/database/database.h"
#include "tests/unit/control_ingest/journal_fixture.h"
#include "tests/unit/control_policy/fake_dataplane.h"

namespace weir::control::app {

using testing_support::Eventually;
using testing_support::FakeDataplane;

struct Ran {
  int code = 0;
  std::string out;
  std::string err;
};

class ControlAppTest : public testing::Test {
 protected:
  void SetUp() override {
    std::string pattern = testing::TempDir() + "weir-app-XXXXXX";
    ASSERT_NE(mkdtemp(pattern.data()), nullptr);
    dir_ = pattern;
    spdlog::set_level(spdlog::level::off);  // it would write between what weirctl prints
    std::ofstream(dir_ / "campus.rules") << "protect ip 10.0.0.53\n";
    std::ofstream(dir_ / "accounts.csv") << "account,ip,mac,group,room,seat\n"
                                            "s2023001,10.0.0.1,,students,301,4\n";
    WriteConfig();
    dataplane_ = std::make_unique<FakeDataplane>(dir_ / "dp.sock");
    dataplane_->SetStats({{"uptime_s", 5},
                          {"ports", {{{"name", "inside"}, {"link", true}, {"rx_packets", 7}}}},
                          {"dropped", {{"policy", 3}}}});
    dataplane_->Start();
  }
  void WriteConfig() const {
    std::ofstream(dir_ / "weir.toml")
        << "sensor = \"lab\"\n"
        << "[ports]\ninside = \"a0\"\noutside = \"b0\"\n"
        << "[policy]\nmode = \"enforce\"\nrules = [\"campus.rules\"]\n"
        << "[journal]\ndir = \"journal\"\n"
        << "[control]\nlisten = \"127.0.0.1:0\"\nsocket = \"control.sock\"\ndata_dir = \"data\"\n"
        << "dataplane_socket = \"dp.sock\"\n"
        << "[accounts]\nregistry = \"accounts.csv\"\n";
  }
  void TearDown() override {
    app_.reset();
    dataplane_.reset();
    std::filesystem::remove_all(dir_);
  }

  base::Status Open() {
    auto config = base::LoadConfig(dir_ / "weir.toml");
    if (!config) return config.error();
    auto app = ControlApp::Open(std::move(*config), dir_);
    if (!app) return app.error();
    app_ = std::move(*app);
    return app_->Start();
  }
  void Start() {
    const auto opened = Open();
    ASSERT_TRUE(opened.ok()) << opened.error().message;
  }

  Ran Weirctl(std::vector<std::string> arguments) {
    arguments.insert(arguments.begin(), {"weirctl", "--socket", (dir_ / "control.sock").string()});
    std::vector<char*> pointers;
    for (std::string& argument : arguments) pointers.push_back(argument.data());
    testing::internal::CaptureStdout();
    testing::internal::CaptureStderr();
    Ran ran;
    ran.code = cli::RunCommandLine(static_cast<int>(pointers.size()), pointers.data());
    std::fflush(stdout);
    ran.out = testing::internal::GetCapturedStdout();
    ran.err = testing::internal::GetCapturedStderr();
    return ran;
  }
  nlohmann::json Json(std::vector<std::string> arguments) {
    arguments.insert(arguments.begin(), "-j");
    const Ran ran = Weirctl(std::move(arguments));
    return nlohmann::json::parse(ran.out, nullptr, false);
  }
  void WriteTraffic(uint64_t boot_id) {
    ingest::JournalMaker journal(dir_ / "journal", boot_id);
    auto session = ingest::MakeSession(51, 1);  // from 10.0.0.1
    session.name = "www.lab.example";
    ingest::Close(session);
    journal.Session(session);
    journal.Session(ingest::MakeSession(52, 1));
    journal.Finding(51);
    journal.Finding(51);
  }
  std::vector<nlohmann::json> JsonOfOperations() {
    auto log = operations::OperationsLog::Open(dir_ / "data" / "control.db");
    std::vector<nlohmann::json> all;
    if (!log) return all;
    const auto operations = (*log)->List(100);
    if (!operations) return all;
    for (const auto& one : *operations) {
      all.push_back(nlohmann::json::parse(operations::OperationToJson(one)));
    }
    return all;
  }
  cli::HttpAnswer Call(const std::string& method, const std::string& path,
                       const std::string& body = "") const {
    return cli::HttpClient(dir_ / "control.sock", "").Call({method, "/api/v1/" + path, body});
  }
  // From now on the operations log refuses entries that meet `condition`, of SQL about NEW.
  void RefuseEntries(const std::string& condition = "1") const {
    ChangeLog("CREATE TRIGGER broken BEFORE INSERT ON operation_log WHEN " + condition +
              " BEGIN SELECT RAISE(ABORT, 'the disk is full'); END");
  }
  void TakeEntries() const { ChangeLog("DROP TRIGGER broken"); }
  void ChangeLog(const std::string& sql) const {
    auto log = database::Database::Open(dir_ / "data" / "control.db");
    ASSERT_TRUE(log.ok());
    database::Transaction change(**log, database::Transaction::Kind::kWrite);
    (*log)->Exec(sql);
    ASSERT_TRUE(change.Commit().ok());
  }
  bool HasIncident() { return Json({"incidents"})["incidents"].size() == 1; }

  std::filesystem::path dir_;
  std::unique_ptr<FakeDataplane> dataplane_;
  std::unique_ptr<ControlApp> app_;
};

}  // namespace weir::control::app
