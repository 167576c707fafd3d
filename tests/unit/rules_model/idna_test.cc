#include "dataplane/base/idna.h"

#include <gtest/gtest.h>

#include <string>

namespace weir::base {
namespace {

std::string Normal(std::string_view host) {
  HostBuffer buffer;
  const NormalHost normal = NormaliseHost(host, buffer);
  return normal.ok() ? std::string(normal.name) : std::string();
}

HostFault FaultOf(std::string_view host) {
  HostBuffer buffer;
  return NormaliseHost(host, buffer).fault;
}

std::string Punycode(std::u32string_view label) {
  std::array<char, 200> out;
  return std::string(out.data(), PunycodeEncode({label.data(), label.size()}, out));
}

// RFC 3492 §7.1, samples (A) Arabic, (B) simplified Chinese, (C) traditional Chinese, (D) Czech,
// (L) Japanese with ASCII before, (S) ASCII only.
TEST(Punycode, EncodesSamplesOfTheStandard) {
  EXPECT_EQ(
      Punycode(U"\u0644\u064A\u0647\u0645\u0627\u0628\u062A\u0643\u0644\u0645\u0648\u0634\u0639"
               U"\u0631\u0628\u064A\u061F"),
      "egbpdaj6bu4bxfgehfvwxn");
  EXPECT_EQ(Punycode(U"\u4ED6\u4EEC\u4E3A\u4EC0\u4E48\u4E0D\u8BF4\u4E2D\u6587"),
            "ihqwcrb4cv8a8dqg056pqjye");
  EXPECT_EQ(Punycode(U"\u4ED6\u5011\u7232\u4EC0\u9EBD\u4E0D\u8AAA\u4E2D\u6587"),
            "ihqwctvzc91f659drss3x8bo0yb");
  EXPECT_EQ(Punycode(U"Pro\u010Dprost\u011Bnemluv\u00ED\u010Desky"),
            "Proprostnemluvesky-uyb24dma41a");
  EXPECT_EQ(Punycode(U"3\u5E74B\u7D44\u91D1\u516B\u5148\u751F"), "3B-ww4c5e180e575a65lsy2b");
  EXPECT_EQ(Punycode(U"-> $1.00 <-"), "-> $1.00 <--");
}

TEST(Punycode, ReportsLackOfRoom) {
  std::array<char, 4> small;
  EXPECT_EQ(PunycodeEncode(std::u32string_view(U"\u4ED6\u4EEC\u4E3A"), small), 0U);
}

std::u32string Decoded(std::string_view coded) {
  std::array<char32_t, 63> out;
  return std::u32string(out.data(), PunycodeDecode(coded, out));
}

TEST(Punycode, DecodesWhatItEncodes) {
  for (const std::u32string_view label :
       {U"\u4ED6\u4EEC\u4E3A\u4EC0\u4E48\u4E0D\u8BF4\u4E2D\u6587",
        U"Pro\u010Dprost\u011Bnemluv\u00ED\u010Desky", U"3\u5E74B\u7D44\u91D1\u516B\u5148\u751F",
        U"-> $1.00 <-", U"\U0001F3B2", U"\u00e9\u00e9"}) {
    EXPECT_EQ(Decoded(Punycode(label)), label);
  }
}

TEST(Punycode, DecodesNothingElse) {
  for (const char* coded : {"!", "ab-\xff", "99999999", "zzzzzzzzz", "a-b"}) {
    EXPECT_EQ(Decoded(coded), U"") << coded;
  }
  std::array<char32_t, 2> small;
  EXPECT_EQ(PunycodeDecode("ihqwcrb4cv8a8dqg056pqjye", small), 0U);
  EXPECT_EQ(PunycodeDecode("abc-", small), 0U);
}

std::string Readable(std::string_view host) {
  ReadableHostBuffer buffer;
  return std::string(ReadableHost(host, buffer));
}

TEST(ReadableHost, ShowsALabelsAsPeopleWriteThem) {
  EXPECT_EQ(Readable("xn--9kr716k.xn--fiqs8s"), "赌博.中国");
  EXPECT_EQ(Readable("www.xn--bcher-kva.example"), "www.bücher.example");
  EXPECT_EQ(Readable("www.example"), "www.example");
  EXPECT_EQ(Readable("a.xn--99999999.xn--.xn--bcher-kva"), "a.xn--99999999.xn--.bücher");
  EXPECT_EQ(Readable(""), "");
  // As much as there can be.
  const std::string label = std::string(Normal("🎲🎲🎲🎲🎲🎲🎲🎲🎲🎲🎲🎲🎲🎲🎲🎲🎲🎲🎲🎲"));
  ASSERT_FALSE(label.empty());
  std::string host = label;
  while (host.size() + 1 + label.size() <= kHostBytesMax) host += "." + label;
  EXPECT_GT(Readable(host).size(), host.size());
}

TEST(NormaliseHost, LowersLettersAndDropsOneTrailingDot) {
  EXPECT_EQ(Normal("WWW.Example.COM."), "www.example.com");
  EXPECT_EQ(Normal("a"), "a");
  EXPECT_EQ(Normal("_dmarc.X-Y.example"), "_dmarc.x-y.example");
}

TEST(NormaliseHost, WritesALabels) {
  EXPECT_EQ(Normal("bücher.example"), "xn--bcher-kva.example");
  EXPECT_EQ(Normal("BÜCHER.example"), "xn--bcher-kva.example");
  EXPECT_EQ(Normal("赌博.中国"), Normal("xn--9kr716k.XN--FIQS8S"));
  EXPECT_EQ(Normal("XN--BCHER-KVA.example"), "xn--bcher-kva.example");
}

TEST(NormaliseHost, TakesFullWidthFormsAndStops) {
  EXPECT_EQ(Normal("ｗｗｗ。ＥＸＡＭＰＬＥ．com"), "www.example.com");
  EXPECT_EQ(Normal("中国。"), "xn--fiqs8s");
}

TEST(NormaliseHost, FoldsGreekCyrillicArmenianLatin) {
  EXPECT_EQ(Normal("ΑΒΓ"), Normal("αβγ"));
  EXPECT_EQ(Normal("ПРИМЕР.РФ"), Normal("пример.рф"));
  EXPECT_EQ(Normal("Ў"), Normal("ў"));
  EXPECT_EQ(Normal("ԲԱՐԵՎ"), Normal("բարեվ"));
  EXPECT_EQ(Normal("ČŠŽŁŐŸ"), Normal("čšžłőÿ"));
  EXPECT_NE(Normal("č"), Normal("ć"));
}

TEST(NormaliseHost, NamesTheFault) {
  EXPECT_EQ(FaultOf(""), HostFault::kEmpty);
  EXPECT_EQ(FaultOf("."), HostFault::kEmptyLabel);
  EXPECT_EQ(FaultOf("a..b"), HostFault::kEmptyLabel);
  EXPECT_EQ(FaultOf(".a"), HostFault::kEmptyLabel);
  EXPECT_EQ(FaultOf("a.."), HostFault::kEmptyLabel);
  EXPECT_EQ(FaultOf("a b"), HostFault::kBadCharacter);
  EXPECT_EQ(FaultOf(std::string_view("a\0b", 3)), HostFault::kBadCharacter);
  EXPECT_EQ(FaultOf("a\xff"), HostFault::kBadUtf8);
  EXPECT_EQ(FaultOf("a\xc3"), HostFault::kBadUtf8);
  EXPECT_EQ(FaultOf("\xc0\xaf"), HostFault::kBadUtf8);      // overlong
  EXPECT_EQ(FaultOf("\xed\xa0\x80"), HostFault::kBadUtf8);  // a surrogate
}

TEST(NormaliseHost, KeepsTheLimits) {
  const std::string label(63, 'a');
  EXPECT_EQ(Normal(label), label);
  EXPECT_EQ(FaultOf(label + "a"), HostFault::kLabelTooLong);
  const std::string longest = label + "." + label + "." + label + "." + std::string(61, 'b');
  EXPECT_EQ(longest.size(), 253U);
  EXPECT_EQ(Normal(longest + "."), longest);
  EXPECT_EQ(FaultOf(longest + "b"), HostFault::kTooLong);
  std::string wide;
  for (int i = 0; i < 63; ++i) wide += "中";
  EXPECT_EQ(FaultOf(wide + "文"), HostFault::kLabelTooLong);
}

}  // namespace
}  // namespace weir::base
