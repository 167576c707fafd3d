#include "control/policy/list_keeper.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <chrono>
#include <fstream>
#include <thread>

#include "rules/model/parse.h"
#include "tests/unit/control_policy/tiny_http_server.h"

namespace weir::control::policy {
namespace {

namespace fs = std::filesystem;

std::string Names(const std::string& stem, size_t count) {
  std::string text;
  for (size_t i = 0; i < count; ++i) text += stem + std::to_string(i) + ".example\n";
  return text;
}

class ListKeeperTest : public testing::Test {
 protected:
  ListKeeperTest()
      : folder_(fs::temp_directory_path() / ("weir-keeper-" + std::to_string(::getpid()))) {
    fs::remove_all(folder_);
    fs::create_directories(folder_);
    Open();
  }
  ~ListKeeperTest() override {
    keeper_.reset();
    fs::remove_all(folder_);
  }

  void Open() {
    ListKeeper::Options options;
    options.copies = folder_ / "lists";
    options.timeout_s = 5;
    options.bytes_max = 1 << 20;
    options.poll_ms = 10;
    options.changed = [this] {
      ++changes_;
      return refuse_.empty() ? base::Status() : base::Status(base::Error{refuse_});
    };
    options.log = [this](std::string_view line) { log_ += std::string(line) + "\n"; };
    keeper_ = std::make_unique<ListKeeper>(std::move(options));
  }

  rules::PolicyText Rules(const std::string& source) {
    const std::vector<rules::PolicySource> sources = {
        {(folder_ / "t.rules").string(), "list bad from \"" + source + "\"\ndrop list bad\n"}};
    auto text = rules::ParsePolicy(sources);
    EXPECT_TRUE(text.ok());
    return *std::move(text);
  }
  void Write(const std::string& name, const std::string& text) const {
    std::ofstream(folder_ / name, std::ios::trunc) << text;
  }
  ListState State() const {
    const auto states = keeper_->States();
    return states.empty() ? ListState() : states.at(0);
  }
  // What a compilation would be given.
  std::string Loaded(const rules::PolicyText& text, bool strict = true) const {
    const auto list = keeper_->Catalog(strict)->Load(text.lists.at(0), text.source_names.at(0));
    if (!list) return "error: " + list.error().message;
    return std::to_string(list->content->entry_count()) + " " + list->warning;
  }
  template <typename Condition>
  bool Await(Condition holds) const {
    for (int i = 0; i < 500 && !holds(); ++i) {
      std::this_thread::sleep_for(std::chrono::milliseconds(10));
    }
    return holds();
  }

  const fs::path folder_;
  testing_support::TinyHttpServer server_;
  std::unique_ptr<ListKeeper> keeper_;
  std::atomic<int> changes_{0};
  std::string refuse_;
  std::string log_;
};

TEST_F(ListKeeperTest, PreparesBeforeTheRulesAreInForce) {
  server_.AnswerList("a.example\n");
  const auto text = Rules(server_.Url("/bad"));
  EXPECT_NE(Loaded(text).find("was not fetched yet"), std::string::npos) << Loaded(text);
  keeper_->Prepare(text);
  EXPECT_EQ(Loaded(text), "1 ");
  EXPECT_EQ(changes_, 0) << "the rules themselves are still to be judged";
  EXPECT_TRUE(keeper_->States().empty());
  keeper_->Keep(text);
  EXPECT_EQ(State().content->entry_count(), 1U);
  EXPECT_TRUE(State().has_copy);
}

TEST_F(ListKeeperTest, SaysWhyAListCouldNotBeFetched) {
  server_.Answer("HTTP/1.1 500 No\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
  const auto text = Rules(server_.Url("/bad"));
  keeper_->Prepare(text);
  const std::string why = server_.Url("/bad") + ": the server answers 500";
  EXPECT_EQ(Loaded(text), "error: " + why);
  EXPECT_EQ(Loaded(text, false), "0 " + why + "; the list is empty until it is fetched");
}

TEST_F(ListKeeperTest, TakesWhatIsNewAndAsksOnlyForThat) {
  server_.AnswerList("a.example\n", "ETag: \"1\"\r\n");
  const auto text = Rules(server_.Url("/bad"));
  keeper_->Prepare(text);
  keeper_->Keep(text);
  server_.Answer("HTTP/1.1 304 Not Modified\r\nConnection: close\r\n\r\n");
  auto look = keeper_->Refresh("bad", false);
  ASSERT_TRUE(look.ok()) << look.error().message;
  EXPECT_FALSE(look->changed);
  EXPECT_NE(server_.requests().back().find("If-None-Match: \"1\""), std::string::npos);
  EXPECT_EQ(changes_, 0);
  server_.AnswerList("a.example\nb.example\n", "ETag: \"2\"\r\n");
  look = keeper_->Refresh("bad", false);
  ASSERT_TRUE(look.ok());
  EXPECT_TRUE(look->changed);
  EXPECT_EQ(look->diff.added, 1U);
  EXPECT_EQ(look->diff.first_added, std::vector<std::string>{"b.example"});
  EXPECT_EQ(changes_, 1);
  EXPECT_EQ(Loaded(text), "2 ");
  EXPECT_EQ(log_,
            "list 'bad': 1 entries, 1 of them new, 0 gone\n"
            "list 'bad': 2 entries, 1 of them new, 0 gone\n");
}

TEST_F(ListKeeperTest, KeepsTheLastGoodCopy) {
  server_.AnswerList(Names("a", 200));
  const auto text = Rules(server_.Url("/bad"));
  keeper_->Prepare(text);
  keeper_->Keep(text);
  const std::string bad[] = {"<!DOCTYPE html><html><body>gone</body></html>",
                             "",
                             std::string("\x1f\x8b\x08\x00\x01\x02", 6),
                             "# nothing today\n",
                             "\xff\xfe"
                             "a\0b\0",
                             std::string(1 << 21, 'x')};
  for (const std::string& body : bad) {
    server_.AnswerList(body);
    EXPECT_FALSE(keeper_->Refresh("bad", false).ok()) << body.substr(0, 20);
    EXPECT_FALSE(State().fault.empty());
    EXPECT_EQ(State().content->entry_count(), 200U);
    EXPECT_EQ(Loaded(text), "200 " + State().fault + "; the last good copy is used");
  }
  EXPECT_EQ(State().failures, std::size(bad));
  EXPECT_EQ(changes_, 0);
  server_.AnswerList(Names("a", 201));
  EXPECT_TRUE(keeper_->Refresh("bad", false).ok());
  EXPECT_EQ(State().failures, 0U);
  EXPECT_EQ(Loaded(text), "201 ");
}

TEST_F(ListKeeperTest, DoubtsAListThatHasBecomeShort) {
  server_.AnswerList(Names("a", 200));
  const auto text = Rules(server_.Url("/bad"));
  keeper_->Prepare(text);
  keeper_->Keep(text);
  server_.AnswerList(Names("a", 19));
  const auto look = keeper_->Refresh("bad", false);
  ASSERT_FALSE(look.ok());
  EXPECT_EQ(look.error().message,
            "it has only 19 entries, and the last good copy has 200; if that is right: weirctl "
            "lists refresh bad --force");
  EXPECT_TRUE(keeper_->Refresh("bad", true).ok());
  EXPECT_EQ(Loaded(text), "19 ");
}

TEST_F(ListKeeperTest, TakesTheCopyBackWhereThePolicyWithItIsRefused) {
  server_.AnswerList("a.example\n");
  const auto text = Rules(server_.Url("/bad"));
  keeper_->Prepare(text);
  keeper_->Keep(text);
  refuse_ = "too many names";
  server_.AnswerList("a.example\nb.example\n");
  const auto look = keeper_->Refresh("bad", false);
  ASSERT_FALSE(look.ok());
  EXPECT_EQ(look.error().message, "the policy with it is refused: too many names");
  EXPECT_EQ(State().content->entry_count(), 1U);
  EXPECT_EQ(Loaded(text), "1 " + State().fault + "; the last good copy is used");
  refuse_.clear();
  EXPECT_TRUE(keeper_->Refresh("bad", false)->changed);
}

TEST_F(ListKeeperTest, LooksAtFilesByItself) {
  Write("bad.txt", "a.example\n");
  const auto text = Rules("bad.txt");
  keeper_->Keep(text);
  keeper_->Start();
  EXPECT_TRUE(Await([&] { return State().has_copy; }));
  Write("bad.txt", "a.example\nb.example\n");
  EXPECT_TRUE(Await([&] { return State().content && State().content->entry_count() == 2; }));
  Write("bad.txt", "<html>");
  EXPECT_TRUE(Await([&] { return !State().fault.empty(); }));
  EXPECT_EQ(State().content->entry_count(), 2U);
  fs::remove(folder_ / "bad.txt");
  EXPECT_TRUE(Await([&] { return State().fault.ends_with("No such file or directory"); }));
  keeper_->Stop();
  EXPECT_EQ(changes_, 2);
}

TEST_F(ListKeeperTest, ImportsAndComparesWhatIsGiven) {
  server_.AnswerList("a.example\n");
  const auto text = Rules(server_.Url("/bad"));
  keeper_->Prepare(text);
  keeper_->Keep(text);
  const std::string given = "192.0.2.0/24\n";
  const auto checked = keeper_->Check("bad", given);
  ASSERT_TRUE(checked.ok());
  EXPECT_EQ(checked->diff.first_added, std::vector<std::string>{"192.0.2.0/24"});
  EXPECT_EQ(checked->diff.first_removed, std::vector<std::string>{"a.example"});
  EXPECT_FALSE(checked->changed);
  EXPECT_EQ(changes_, 0);
  ASSERT_TRUE(keeper_->Import("bad", given, false).ok());
  EXPECT_EQ(changes_, 1);
  EXPECT_EQ(State().content->ranges.size(), 1U);
  EXPECT_FALSE(keeper_->Import("other", given, false).ok());
  EXPECT_FALSE(keeper_->Import("bad", "", false).ok());
  // The name of a file is no list.
  Write("new.txt", "a.example\nb.example\n");
  EXPECT_FALSE(keeper_->Import("bad", (folder_ / "new.txt").string(), false).ok());
  EXPECT_EQ(State().content->ranges.size(), 1U);
}

// After kill -9 the next start has the copy, and asks only for what is newer.
TEST_F(ListKeeperTest, GoesOnAfterARestart) {
  server_.AnswerList("a.example\n", "ETag: \"1\"\r\n");
  const auto text = Rules(server_.Url("/bad"));
  keeper_->Prepare(text);
  keeper_->Keep(text);
  Open();
  keeper_->Keep(text);
  EXPECT_TRUE(State().has_copy);
  EXPECT_EQ(Loaded(text), "1 ");
  server_.Answer("HTTP/1.1 304 Not Modified\r\nConnection: close\r\n\r\n");
  EXPECT_TRUE(keeper_->Refresh("bad", false).ok());
  // A copy without its note is fetched as if it were new.
  for (const auto& entry : fs::directory_iterator(folder_ / "lists")) {
    if (entry.path().extension() == ".json") fs::remove(entry.path());
  }
  server_.AnswerList("a.example\n");
  EXPECT_TRUE(keeper_->Refresh("bad", false).ok());
  EXPECT_EQ(server_.requests().back().find("If-None-Match"), std::string::npos);
}

TEST_F(ListKeeperTest, EndsATransferWhenItStops) {
  server_.Stall();
  keeper_->Keep(Rules(server_.Url("/bad")));
  keeper_->Start();
  EXPECT_TRUE(Await([&] { return !server_.requests().empty(); }));
  keeper_->Stop();
  EXPECT_EQ(State().fault, server_.Url("/bad") + ": stopped");
}

TEST_F(ListKeeperTest, RemovesCopiesThatNobodyUsesAnyMore) {
  server_.AnswerList("a.example\n");
  const auto text = Rules(server_.Url("/bad"));
  keeper_->Prepare(text);
  keeper_->Keep(rules::PolicyText());
  const auto copies = [&] {
    const fs::directory_iterator entries(folder_ / "lists");
    return std::distance(begin(entries), end(entries));
  };
  EXPECT_EQ(copies(), 2) << "undo may want it still";
  for (const auto& entry : fs::directory_iterator(folder_ / "lists")) {
    const timespec old[2] = {{::time(nullptr) - 40 * 86'400, 0}, {0, UTIME_OMIT}};
    ::utimensat(AT_FDCWD, entry.path().c_str(), old, 0);
  }
  keeper_->Keep(rules::PolicyText());
  EXPECT_EQ(copies(), 0);
}

}  // namespace
}  // namespace weir::control::policy
