#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "reading.h"

namespace weir::rules {
namespace {

using namespace std::string_view_literals;

std::string Format(std::string_view text) {
  const auto format = FindListFormat(text);
  return format ? std::string(ListFormatName(*format)) : format.error().message;
}

TEST(FindListFormat, SeesTheFormatInAFewLines) {
  const std::pair<std::string_view, std::string_view> cases[] = {
      {"# c\n0.0.0.0 a.example\n", "hosts"},
      {"fe80::1%lo0 localhost\n", "hosts"},
      {"0.0.0.0 a.example # 1.2.3.4\nb.example\n0.0.0.0 c.example\n", "hosts"},
      {"a.example\n", "domains"},
      {"*.a.example\n1.2.3.4\n5.6.7.8\n", "domains"},
      {"# c\n! c\n; c\n// c\n## c\n####\n\n   a.example # c\n", "domains"},
      {"[Adblock Plus 2.0]\na.example\n", "adblock"},
      {"a.example\nb.example##.ad\n", "adblock"},
      {"! c\n@@||a.example^\n", "adblock"},
      {"$TTL 60\na.example CNAME .\n", "rpz"},
      {"; c\n@ 60 IN SOA a. b. 1 2 3 4 5\n", "rpz"},
      {"a.example\tIN\tCNAME\t.\n", "rpz"},
      {"1.2.3.4\n", "cidr"},
      {"1.2.3.0/24 # c\n2001:db8::/32 ; c\n", "cidr"},
      {"1.2.3.4 - 1.2.3.9\n", "cidr"},
      {"create x hash:ip family inet\n", "ipset"},
      {"add x 1.2.3.4\n", "ipset"},
      {"; c\n1.2.3.0/24 ; SBL123\n", "drop"},
      {"{\"cidr\":\"1.2.3.0/24\"}\n", "drop"},
      {"{\"type\":\"metadata\",\"size\":1}\n{\"asn\":1}\n", "drop"},
      {"\"1\",\"2026-11-30 10:00:00\",\"http://a.example/\",\"online\"\n", "urlhaus"},
      {"id,dateadded,url,url_status\n", "urlhaus"},
      {"\"2026-11-30\", \"1\", \"a.example\", \"domain\", \"x\"\n", "threatfox"},
      {"{\"type\":\"bundle\",\"objects\":[]}", "stix"},
      {"\xef\xbb\xbf  {\"objects\":[]}", "stix"},
      {"{\"Event\":{}}", "misp"},
      {" [ {\"Event\":{}} ]", "misp"},
      {"{\"response\":[]}", "misp"},
      {"alert ip any any -> 1.2.3.4 any (sid:1;)\n", "suricata"},
      {"# c\r\ndrop tls any any <> any any (tls.sni; content:\"a,b\"; sid:1;)\r\n", "suricata"},
  };
  for (const auto& [text, format] : cases) EXPECT_EQ(Format(text), format) << text;
}

TEST(FindListFormat, SaysWhatItIsInstead) {
  const std::pair<std::string_view, std::string_view> cases[] = {
      {"", "it is empty"},
      {" \r\n\t\n", "it is empty"},
      {"\xef\xbb\xbf", "it is empty"},
      {"# a\n! b\n; c\n\n", "it holds nothing but comments"},
      {"\x1f\x8b\x08\x00", "it is compressed with gzip: unpack it first"},
      {"\x28\xb5\x2f\xfd", "it is compressed with zstd: unpack it first"},
      {"\xfd\x37zXZ\0"sv, "it is compressed with xz: unpack it first"},
      {"BZh91AY", "it is compressed with bzip2: unpack it first"},
      {"PK\x03\x04", "it is compressed with zip: unpack it first"},
      {"\xff\xfe"
       "a\0"sv,
       "it is UTF-16 or UTF-32: store it as UTF-8"},
      {"\xfe\xff\0a"sv, "it is UTF-16 or UTF-32: store it as UTF-8"},
      {"\0\0\xfe\xff"sv, "it is UTF-16 or UTF-32: store it as UTF-8"},
      {"a\0.\0e\0x\0"sv, "it is UTF-16 or UTF-32: store it as UTF-8"},
      {"\0a\0.\0e\0x"sv, "it is UTF-16 or UTF-32: store it as UTF-8"},
      {"\x7f"
       "ELF\x02\x01\x01\0"sv,
       "it is binary, and no text"},
      {"<!DOCTYPE html><html>", "it is an HTML page, perhaps an error page, and no list"},
      {"\n <html>", "it is an HTML page, perhaps an error page, and no list"},
      {"{\"error\":\"no such list\"}",
       "it is JSON, but no STIX bundle, no MISP event and no Spamhaus DROP: none of these can be "
       "seen in it"},
      {"404: Not Found", "it is no list of a known format; a line of it: '404: Not Found'"},
  };
  for (const auto& [text, message] : cases) {
    EXPECT_EQ(Format(text), message);
    const auto content = ReadList(text, {.format = std::nullopt, .now = TestNow()});
    ASSERT_FALSE(content.ok());
    EXPECT_EQ(content.error().message, message);
  }
}

TEST(FindListFormat, KnowsItsNames) {
  for (size_t i = 0; i < kListFormats; ++i) {
    const auto format = static_cast<ListFormat>(i);
    EXPECT_EQ(FindListFormatByName(ListFormatName(format)), format);
  }
  EXPECT_EQ(FindListFormatByName("Hosts"), std::nullopt);
  EXPECT_EQ(FindListFormatByName(""), std::nullopt);
}

TEST(ReadList, SaysWhatIsWrongWithoutALineToo) {
  const std::pair<std::string_view, std::string_view> cases[] = {
      {"password: 1\n", "it is no list of a known format"},
      {"<html>", "it is an HTML page, perhaps an error page, and no list"},
      {"b.example\nbad..name\nc..d\n",
       "read as 'domains', it has more faults (2) than entries (1)"},
  };
  for (const auto& [text, message] : cases) {
    const auto content = ReadList(text, {.format = std::nullopt, .now = TestNow()});
    ASSERT_FALSE(content.ok());
    EXPECT_EQ(WithoutExample(content.error().message), message);
    EXPECT_EQ(WithoutExample("bad: " + content.error().message), "bad: " + std::string(message));
  }
  EXPECT_EQ(WithoutExample(""), "");
}

TEST(ReadList, RefusesAnUnfitFormat) {
  EXPECT_EQ(ReadAs(ListFormat::kHosts, "a.example\n"),
            (Lines{"refused: read as 'hosts', it has no entry and 1 skipped, such as line 1, "
                   "'a.example'"}));
  EXPECT_EQ(ReadAs(ListFormat::kStix, "a.example\n"),
            (Lines{"refused: the JSON is broken or breaks off at byte 1"}));
  EXPECT_EQ(ReadAs(ListFormat::kMisp, "{}"),
            (Lines{"refused: read as 'misp', it has no entry and 0 skipped"}));
}

TEST(ReadList, RefusesMoreFaultsThanEntries) {
  EXPECT_EQ(Read("a.example\nb..example\n").size(), 3U);
  EXPECT_EQ(Read("a.example\n1.2.3.400\nb..example\n"),
            (Lines{"refused: read as 'domains', it has more faults (2) than entries (1), such as "
                   "line 2, '1.2.3.400'"}));
  // What is right but means something else does not count against a list.
  EXPECT_EQ(Read("||a.example^\n##.a\n##.b\n##.c\n##.d\n").size(), 6U);
}

TEST(ReadList, DoesNotCareForTheBytesOfComments) {
  EXPECT_EQ(Read("# \xff\na.example # \xff\n"), (Lines{"domains", "2 a.example"}));
}

TEST(ReadList, CountsLines) {
  const ListOptions options{.format = ListFormat::kDomains, .now = TestNow()};
  EXPECT_EQ(ReadList("a.example", options)->lines, 1U);
  EXPECT_EQ(ReadList("a.example\n", options)->lines, 1U);
  EXPECT_EQ(ReadList("a.example\r\n\r\nb.example\r\n\r\n", options)->lines, 4U);
}

TEST(ReadList, HoldsItsLimits) {
  const ListOptions options{.format = ListFormat::kDomains, .now = TestNow(), .bytes_max = 10};
  EXPECT_TRUE(ReadList("a.example\n", options).ok());
  EXPECT_EQ(ReadList("a.example\r\n", options).error().message, "it has more than 10 bytes");
  const std::string comment = "#" + std::string(kListLineBytesMax - 1, 'x');
  EXPECT_EQ(Read("a.example\n" + comment + "\n"), (Lines{"domains", "1 a.example"}));
  EXPECT_EQ(Read("a.example\n" + comment + "x\n"),
            (Lines{"refused: line 2 is longer than 1048576 bytes"}));
  std::string lines(kListLinesMax - 1, '\n');
  EXPECT_EQ(ReadAs(ListFormat::kDomains, lines + "a.example"), (Lines{"16777215 a.example"}));
  EXPECT_EQ(ReadAs(ListFormat::kDomains, lines + "a.example\n\n"),
            (Lines{"refused: it has more than 16777215 lines"}));
}

class ReadListFileTest : public testing::Test {
 protected:
  ReadListFileTest() : folder_(testing::TempDir() + "weir_lists_" + std::to_string(::getpid())) {
    std::filesystem::create_directory(folder_);
  }
  ~ReadListFileTest() override { std::filesystem::remove_all(folder_); }
  std::string Message(const std::string& path, size_t bytes_max = kListBytesMax) {
    const auto content =
        ReadListFile(path, {.format = std::nullopt, .now = TestNow(), .bytes_max = bytes_max});
    return content ? std::to_string(content->entry_count()) : content.error().message;
  }
  const std::string folder_;
};

TEST_F(ReadListFileTest, ReadsRegularFilesOnly) {
  const std::string file = folder_ + "/list";
  std::ofstream(file) << "a.example\nb.example\n";
  EXPECT_EQ(Message(file), "2");
  EXPECT_EQ(Message(file, 20), "2");
  EXPECT_EQ(Message(file, 19), "it has more than 19 bytes");
  EXPECT_EQ(Message(folder_), "it is no regular file");
  EXPECT_EQ(Message(folder_ + "/none"), "No such file or directory");
  EXPECT_EQ(Message("/dev/zero"), "it is no regular file");
  const std::string fifo = folder_ + "/fifo";
  ASSERT_EQ(::mkfifo(fifo.c_str(), 0600), 0);
  EXPECT_EQ(Message(fifo), "it is no regular file");
  // A file that says that it has no bytes and gives some.
  EXPECT_NE(Message("/proc/self/status", 10), "it is empty");
}

}  // namespace
}  // namespace weir::rules
