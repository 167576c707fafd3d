// `weirctl audit export` against a weir-control that seals while the export goes on.
#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <mutex>

#include "control/api/server.h"
#include "control/cli/commands.h"

namespace weir::control::api {
namespace {

using nlohmann::json;

constexpr uint8_t kLoopback[4] = {127, 0, 0, 1};

class ExportClientTest : public testing::Test {
 protected:
  void SetUp() override {
    std::string pattern = testing::TempDir() + "weir-export-XXXXXX";
    ASSERT_NE(mkdtemp(pattern.data()), nullptr);
    dir_ = pattern;
    Server::Options options;
    options.socket = dir_ / "control.sock";
    options.listen_address = base::IpAddress::FromV4(kLoopback);
    options.token = std::string(32, 'a');
    options.handle = [this](Request& request) { return Answer(request); };
    options.count_request = [](unsigned) {};
    options.count_refused = [] {};
    auto opened = Server::Open(std::move(options));
    ASSERT_TRUE(opened.ok()) << opened.error().message;
    server_ = std::move(*opened);
    server_->Start();
  }
  void TearDown() override {
    server_.reset();
    std::filesystem::remove_all(dir_);
  }

  // With each plan there is a file more than with the one before, as long as `grows_` says.
  Reply Answer(Request& request) {
    const std::scoped_lock lock(mutex_);
    if (request.path == "/api/v1/audit/seals") return {};
    if (request.method == "POST") return Sign(request.body["files"]);
    if (request.path == "/api/v1/audit/export") {
      plans_++;
      json files = json::array();
      for (int i = 0; i < sealed_; i++) files.push_back({{"name", NameOf(i)}});
      if (sealed_ < grows_) sealed_++;
      return JsonReply({{"files", files}, {"sealed_until", nullptr}});
    }
    fetched_++;
    Reply reply;
    reply.body = request.path + "\n";
    return reply;
  }
  Reply Sign(const json& files) {
    json missing = json::array();
    for (int i = static_cast<int>(files.size()); i < sealed_; i++) missing.push_back(NameOf(i));
    if (!missing.empty()) {
      return JsonReply({{"error", "missing"}, {"differing", json::array()}, {"missing", missing}},
                       409);
    }
    signed_files_ = files.size();
    return JsonReply({{"manifest", "weir export 1\n"}, {"key", "k"}, {"seals_bytes", 0}});
  }
  static std::string NameOf(int number) { return "findings-" + std::to_string(number) + ".jsonl"; }

  int Export() {
    cli::Context context(cli::HttpClient(dir_ / "control.sock", ""), true);
    cli::ExportCommand command;
    command.out = dir_ / "export";
    command.reason = "case";
    testing::internal::CaptureStdout();
    testing::internal::CaptureStderr();
    const int code = cli::RunAuditExport(context, command);
    testing::internal::GetCapturedStdout();
    testing::internal::GetCapturedStderr();
    return code;
  }

  std::filesystem::path dir_;
  std::unique_ptr<Server> server_;
  std::mutex mutex_;  // of what follows
  int sealed_ = 2;
  int grows_ = 2;
  int plans_ = 0;
  int fetched_ = 0;
  size_t signed_files_ = 0;
};

TEST_F(ExportClientTest, FetchesWhatWasSealedMeanwhileAndNothingTwice) {
  grows_ = 4;
  EXPECT_EQ(Export(), cli::kDone);
  EXPECT_EQ(signed_files_, 4u);
  EXPECT_EQ(fetched_, 4);
  EXPECT_EQ(plans_, 3);
  EXPECT_TRUE(std::filesystem::exists(dir_ / "export" / "MANIFEST"));
  EXPECT_FALSE(std::filesystem::exists(dir_ / "export" / ".weir-export"));
}

TEST_F(ExportClientTest, GivesUpWhenThereIsNoEndAndGoesOnLater) {
  grows_ = 1000;
  EXPECT_EQ(Export(), cli::kRefused);
  EXPECT_FALSE(std::filesystem::exists(dir_ / "export" / "MANIFEST"));
  const int fetched = fetched_;
  EXPECT_LT(plans_, 20);
  {
    const std::scoped_lock lock(mutex_);
    grows_ = sealed_;
  }
  EXPECT_EQ(Export(), cli::kDone);
  EXPECT_EQ(static_cast<int>(signed_files_), sealed_);
  EXPECT_EQ(fetched_, sealed_);
  EXPECT_EQ(fetched_, fetched + 1);
}

}  // namespace
}  // namespace weir::control::api
