// scripts/verify_export, which knows nothing of Weir's code, on exports that Weir has made.
#include <gmock/gmock.h>
#include <sys/wait.h>

#include <array>
#include <cstdio>
#include <fstream>
#include <sstream>

#include "sealing_fixture.h"

namespace weir::control::sealing {
namespace {

using ::testing::HasSubstr;

class VerifyExportTest : public SealingTest {
 protected:
  void SetUp() override {
    if (std::system("openssl version > /dev/null 2>&1") != 0) {
      ASSERT_EQ(std::getenv("CI"), nullptr) << "CI has openssl";
      GTEST_SKIP() << "needs openssl";
    }
    Commit({MakeSession(1, After(kNine, 60)), MakeSession(2, After(kNine, kHour + 60)),
            MakeSession(3, After(kNine, 2 * kHour + 60))});
    CommitFinding(kNine, "r1");
    Act("alice");
    Work(After(kNine, 2 * kHour));
  }

  static void Write(const std::filesystem::path& file, const std::string& text) {
    std::ofstream(file, std::ios::binary | std::ios::trunc) << text;
  }
  static std::string Read(const std::filesystem::path& file) {
    std::ostringstream text;
    text << std::ifstream(file, std::ios::binary).rdbuf();
    return text.str();
  }
  // As `weirctl audit export` puts it together.
  std::filesystem::path Export(bool csv = false) {
    const auto folder = dir_ / "export";
    std::filesystem::remove_all(folder);
    std::filesystem::create_directory(folder);
    Manifest manifest;
    manifest.made = kNine;
    manifest.by = "alice";
    manifest.reason = "case";
    manifest.from = kNine;
    manifest.to = After(kNine, kDay);
    manifest.sealed_until = SealedUntil(Seals());
    for (ArchivePart part : PlanArchive(Seals(), {{INT64_MIN}, {INT64_MAX}})) {
      part.csv = csv;
      std::string lines;
      EXPECT_TRUE(ReadPart({*store_, *operations_}, part, {}, [&](std::string_view line) {
                    lines += line;
                    return true;
                  }).ok());
      Write(folder / PartName(part), lines);
      const Digest as_csv{part.digest.records, base::Sha256Hex(lines)};
      manifest.files.push_back({part, csv ? as_csv : part.digest});
    }
    const auto done = sealer_->Sign(std::move(manifest));
    EXPECT_TRUE(done.ok());
    Write(folder / "MANIFEST", done->manifest);
    Write(folder / "seal.pub", done->key.pem());
    std::string log;
    for (const LoggedSeal& seal : Seals()) log += seal.text;
    EXPECT_EQ(log.size(), done->seals_bytes);
    Write(folder / "seals.log", log);
    return folder;
  }

  struct Ran {
    int code = -1;
    std::string out;
  };
  Ran Run(const std::filesystem::path& folder, const std::string& arguments = "") const {
    const std::string script = std::string(WEIR_SOURCE_DIR) + "/scripts/verify_export";
    const std::string command = "sh " + script + " " + folder.string() + " " + arguments + " 2>&1";
    Ran ran;
    FILE* pipe = popen(command.c_str(), "r");
    EXPECT_NE(pipe, nullptr);
    std::array<char, 4096> piece{};
    for (size_t got; (got = fread(piece.data(), 1, piece.size(), pipe)) > 0;) {
      ran.out.append(piece.data(), got);
    }
    const int status = pclose(pipe);
    ran.code = WIFEXITED(status) ? WEXITSTATUS(status) : -1;
    return ran;
  }
};

TEST_F(VerifyExportTest, FollowsTheKeysFromHandOverToHandOver) {
  const std::string first = sealer_->public_key().fingerprint();
  ASSERT_TRUE(sealer_->RotateKey(After(kNine, 2 * kHour + 60)).ok());
  const std::string second = sealer_->public_key().fingerprint();
  Work(After(kNine, 3 * kHour));
  ASSERT_TRUE(sealer_->RotateKey(After(kNine, 3 * kHour + 60)).ok());
  Work(After(kNine, 4 * kHour));
  const auto folder = Export();
  for (const std::string& trusted :
       {std::string(), first, second, sealer_->public_key().fingerprint()}) {
    const Ran ran = Run(folder, trusted);
    EXPECT_EQ(ran.code, 0) << ran.out;
    EXPECT_THAT(ran.out, HasSubstr("by 3 keys"));
  }
  const Ran other = Run(folder, std::string(64, 'e'));
  EXPECT_EQ(other.code, 1);
  EXPECT_THAT(other.out, HasSubstr("no key of the seals"));
  const Ran anchored = Run(folder, first + " " + (dir_ / "anchor").string());
  EXPECT_EQ(anchored.code, 0) << anchored.out;
}

TEST_F(VerifyExportTest, ChecksRowsOfCsvAndWhatTheyWereMadeOf) {
  operations::Operation operation;
  operation.time = kNine;
  operation.reason = "two\nlines, and \"quotes\"";
  ASSERT_TRUE(operations_->Append(operation).ok());
  Work(After(kNine, 3 * kHour));
  const auto folder = Export(true);
  const Ran good = Run(folder);
  EXPECT_EQ(good.code, 0) << good.out;
  EXPECT_THAT(good.out, HasSubstr("files  5, of which 5 are sealed whole"));
  const auto file = folder / "sessions-20261122T090000.000000Z.csv";
  std::ofstream(file, std::ios::app) << "a row more\r\n";
  const Ran more = Run(folder);
  EXPECT_EQ(more.code, 1);
  EXPECT_THAT(more.out, HasSubstr("has 2 records, the manifest says 1"));
}

// The appliance signs a manifest whose rows were made of other lines: the seals say so.
TEST_F(VerifyExportTest, FindsRowsOfAnotherRecord) {
  Manifest manifest;
  manifest.made = kNine;
  const auto folder = Export(true);
  auto parts = PlanArchive(Seals(), {{INT64_MIN}, {INT64_MAX}});
  ArchivePart part = parts.at(0);
  part.csv = true;
  part.digest.sha256 = std::string(64, 'c');
  Write(folder / PartName(part), "header\r\nrow\r\n");
  manifest.files.push_back({part, {1, base::Sha256Hex("header\r\nrow\r\n")}});
  Write(folder / "MANIFEST", sealer_->Sign(std::move(manifest))->manifest);
  const Ran ran = Run(folder);
  EXPECT_EQ(ran.code, 1);
  EXPECT_THAT(ran.out, HasSubstr("is not what was sealed"));
}

TEST_F(VerifyExportTest, FindsAKeyExchangedWithoutAHandOver) {
  Close();
  std::filesystem::remove(dir_ / "seals" / "seal.key");
  std::filesystem::remove(dir_ / "seals" / "seal.pub");
  Open();
  Work(After(kNine, 3 * kHour));
  const Ran ran = Run(Export());
  EXPECT_EQ(ran.code, 1);
  EXPECT_THAT(ran.out, HasSubstr("another key has signed it"));
}

TEST_F(VerifyExportTest, FindsTextBehindASignature) {
  const auto folder = Export();
  ASSERT_EQ(Run(folder).code, 0);
  for (const std::string file : {"MANIFEST", "seals.log"}) {
    const std::string text = Read(folder / file);
    const std::string behind = text.substr(0, text.size() - 1);  // without the empty line
    for (const std::string& changed :
         {behind, behind + "request K-8\n\n", text + "\n", text + "request K-8\n",
          text.substr(0, text.size() - 2) + " more\n\n"}) {
      Write(folder / file, changed);
      const Ran ran = Run(folder);
      EXPECT_EQ(ran.code, 1) << ran.out;
      EXPECT_THAT(ran.out,
                  HasSubstr(file == "MANIFEST" ? "MANIFEST: its signature" : "is no seal"));
    }
    Write(folder / file, text);
  }
  EXPECT_EQ(Run(folder).code, 0);
}

TEST_F(VerifyExportTest, FindsAFileThatTheManifestDoesNotName) {
  const auto folder = Export();
  Write(folder / "verify.sh", "its own copy");
  ASSERT_EQ(Run(folder).code, 0);
  for (const std::string name :
       {"sessions-20261122T100000.000000Z.csv", ".hidden", "..two", "two\nlines", "with blanks"}) {
    Write(folder / name, "more\n");
    const Ran ran = Run(folder);
    EXPECT_EQ(ran.code, 1) << name;
    EXPECT_THAT(ran.out, HasSubstr(name + " is not in the manifest"));
    std::filesystem::remove(folder / name);
  }
  std::filesystem::create_directory(folder / "more");
  EXPECT_EQ(Run(folder).code, 1);
  std::filesystem::remove(folder / "more");
  std::filesystem::create_symlink("nowhere", folder / "more");
  EXPECT_EQ(Run(folder).code, 1);
  std::filesystem::remove(folder / "more");
  EXPECT_EQ(Run(folder).code, 0);
}

TEST_F(VerifyExportTest, AnchorsNewerThanTheExportAreNoFault) {
  const auto folder = Export();
  const std::string anchor = (dir_ / "anchor").string();
  Work(After(kNine, 4 * kHour));
  ASSERT_GT(Seals().size(), 1u);
  const Ran newer = Run(folder, "'' " + anchor);
  EXPECT_EQ(newer.code, 0) << newer.out;
  EXPECT_THAT(newer.out, HasSubstr("anchors  1 agree, 1 are newer than this export"));
  Write(anchor, AnchorLine({sealer_->status().record, 1, std::string(64, 'a')}));
  const Ran other = Run(folder, "'' " + anchor);
  EXPECT_EQ(other.code, 1);
  EXPECT_THAT(other.out, HasSubstr("seal 1 is not the one that was anchored"));
}

TEST_F(VerifyExportTest, FindsARecordBegunAnewByItsAnchors) {
  const auto folder = Export();
  const std::string anchor = (dir_ / "anchor").string();
  const std::string record = sealer_->status().record;
  const std::string before(32, 'a');
  Write(anchor, AnchorLine({before, 9, std::string(64, 'b')}) + Read(anchor));
  const Ran ran = Run(folder, "'' " + anchor);
  EXPECT_EQ(ran.code, 1);
  EXPECT_THAT(ran.out, HasSubstr("the anchors have record " + before + " too"));
  EXPECT_EQ(Run(folder, "'' " + anchor + " " + record).code, 0);
  EXPECT_THAT(Run(folder, "'' '' " + before).out, HasSubstr("this is record " + record));
}

TEST_F(VerifyExportTest, FindsASealOfAnotherRecordAndAnAmendmentThatTakesAway) {
  const auto key = SigningKey::LoadOrMake(dir_ / "seals");
  ASSERT_TRUE(key.ok());
  const auto folder = Export();
  const auto seals = Seals();
  Seal seal = *seals[0].seal;
  seal.kind = SealKind::kAmendment;
  seal.number = 2;
  seal.previous = seals[0].digest;
  seal.parts.clear();
  seal.replaced = {seal.sessions.records + 1, seal.sessions.sha256};
  seal.late = 1;
  Write(folder / "seals.log", seals[0].text + SealText(seal, *key));
  EXPECT_THAT(Run(folder).out, HasSubstr("seal 2: it has fewer sessions than before"));
  seal.replaced.records = seal.sessions.records;
  seal.late = 0;
  Write(folder / "seals.log", seals[0].text + SealText(seal, *key));
  const Ran same = Run(folder);
  EXPECT_EQ(same.code, 0) << same.out;
  seal.replaced.records = 0;
  Write(folder / "seals.log", seals[0].text + SealText(seal, *key));
  EXPECT_THAT(Run(folder).out, HasSubstr("or more than came late"));
  seal.replaced.records = seal.sessions.records;
  seal.record = std::string(32, 'a');
  Write(folder / "seals.log", seals[0].text + SealText(seal, *key));
  EXPECT_THAT(Run(folder).out, HasSubstr("seal 2: it is of another record than the manifest"));
}

TEST_F(VerifyExportTest, FindsAHandOverThatOnlyOneKeyHasSigned) {
  std::filesystem::create_directory(dir_ / "other");
  const auto theirs = SigningKey::LoadOrMake(dir_ / "other");
  const auto ours = SigningKey::LoadOrMake(dir_ / "seals");
  ASSERT_TRUE(theirs.ok() && ours.ok());
  ASSERT_TRUE(sealer_->RotateKey(After(kNine, 2 * kHour + 60)).ok());
  const auto folder = Export();
  ASSERT_EQ(Run(folder).code, 0);
  const auto seals = Seals();
  Seal unaccepted = *seals[1].seal;
  unaccepted.hand_over.accepted = ours->Sign("another text");
  Write(folder / "seals.log", seals[0].text + SealText(unaccepted, *ours));
  EXPECT_THAT(Run(folder).out, HasSubstr("does not hand over to a key that both have signed"));
  Seal unsigned_by_old = *seals[1].seal;
  unsigned_by_old.hand_over.to = theirs->public_key().der();
  Accept(unsigned_by_old, *theirs);
  Write(folder / "seals.log", seals[0].text + SealText(unsigned_by_old, *theirs));
  Write(folder / "seal.pub", theirs->public_key().pem());
  const Ran ran = Run(folder);
  EXPECT_EQ(ran.code, 1);
  EXPECT_THAT(ran.out, HasSubstr("its signature is not of this text"));
}

}  // namespace
}  // namespace weir::control::sealing
