// Lists that somebody made to do harm: each ends, in little time and memory, in a list or a
// refusal.
#include <gtest/gtest.h>

#include "reading.h"

namespace weir::rules {
namespace {

using namespace std::string_literals;

std::string Repeated(std::string_view text, size_t times) {
  std::string out;
  for (size_t i = 0; i < times; ++i) out += text;
  return out;
}

TEST(HostileLists, AreReadOrRefusedByEachFormat) {
  const std::string cases[] = {
      std::string(size_t{10} << 20, 'x'),
      "a.example\n" + std::string(size_t{10} << 20, '1'),
      Repeated("[", 100'000),
      Repeated("{\"objects\":[", 100'000),
      Repeated("{\"Event\":", 100'000),
      "{\"objects\":" + Repeated("[", 100'000) + Repeated("]", 100'000) + "}",
      "{\"objects\":[{\"type\":\"indicator\",\"pattern\":\"" + Repeated("(", 100'000) + "\"}]}",
      "{\"objects\":[{\"type\":\"indicator\",\"pattern\":\"[" + Repeated("(", 100'000) + "\"}]}",
      "{\"cidr\":" + Repeated("[", 100'000),
      "a.example\nb\0.example\nc.example\n"s,
      "\0\0\0\0"s,
      "1,2,\"http://a.example/\n2,3,\"http://b.example/,x\n",
      Repeated("\"\"", 100'000),
      "$ORIGIN x.\n@ SOA a. b. (\n" + Repeated("1\n", 100'000),
      "$ORIGIN " + Repeated("a.", 100'000) + "\nb CNAME .\n",
      "a CNAME " + Repeated("(", 100'000),
      "alert ip any any -> " + Repeated("[", 100'000) + " any (sid:1;)",
      "alert ip any any -> 1.2.3.4 any (" + Repeated("\\", 100'001) + ")",
      "alert ip any any -> 1.2.3.4 any (" + Repeated(";", 100'000) + ")",
      "||" + Repeated("a.", 100'000) + "^",
      Repeated("@@", 100'000),
      Repeated("#", 100'000),
      "||a.example^$" + Repeated(",", 100'000),
      "create " + Repeated(" ", 100'000),
      "add x 1.2.3.4 comment",
      "0.0.0.0" + Repeated(" .", 100'000),
      Repeated("::", 100'000) + "/1",
      Repeated("\xff", 100'000),
      "\xef\xbb\xbf\xef\xbb\xbf",
      "\r\r\r\r\r",
      "http://" + Repeated("@", 100'000) + "[",
  };
  for (const std::string& text : cases) {
    Read(text);
    for (size_t i = 0; i < kListFormats; ++i) ReadAs(static_cast<ListFormat>(i), text);
  }
}

TEST(HostileLists, DoNotMakeEntriesWithoutEnd) {
  // Each line of 36 bytes or so gives eight times three endpoints.
  std::string addresses = "192.0.2.1";
  while (addresses.size() < 900'000) addresses += ",192.0.2.1";
  const std::string rule = "alert ip any any -> [" + addresses + "] [1,2,3,4,5,6,7,8] (sid:1;)\n";
  std::string text;
  for (int i = 0; i < 12; ++i) text += rule;
  EXPECT_EQ(Read(text), (Lines{"refused: it has more than 16777215 entries"}));
}

}  // namespace
}  // namespace weir::rules
