#include "control/radius/radius_clients.h"

#include <gtest/gtest.h>
#include <stdlib.h>
#include <sys/stat.h>

#include <fstream>

namespace weir::control::radius {
namespace {

base::IpAddress Ip(const char* text) { return *base::IpAddress::Parse(text); }

std::string FaultOf(std::string_view text) {
  const auto clients = RadiusClients::Parse(text, "c.csv");
  return clients.ok() ? "accepted" : clients.error().message;
}

TEST(RadiusClients, TheLongestPrefixCounts) {
  const auto clients = RadiusClients::Parse(
      "nas,secret,name\n10.0.0.0/8,secret-of-all,\n10.0.0.2,secret-of-two,bras\n"
      "2001:db8::/32,secret-of-v6,\n",
      "c.csv");
  ASSERT_TRUE(clients.ok());
  EXPECT_EQ(clients->size(), 3U);
  EXPECT_EQ(clients->Find(Ip("10.0.0.2"))->secret, "secret-of-two");
  EXPECT_EQ(clients->Find(Ip("10.0.0.2"))->name, "bras");
  EXPECT_EQ(clients->Find(Ip("10.0.0.3"))->secret, "secret-of-all");
  EXPECT_EQ(clients->Find(Ip("2001:db8::5"))->secret, "secret-of-v6");
  EXPECT_EQ(clients->Find(Ip("192.0.2.1")), nullptr);
}

TEST(RadiusClients, NamesEveryFaultAndNoSecret) {
  EXPECT_EQ(FaultOf(""),
            "c.csv:1: expected the header nas,secret,name or nas,secret,name,framed_prefix");
  for (const char* bad : {"nas,secret\n", "nas,secret,who\n", "nas,secret,name,prefix\n",
                          "nas,secret,name,framed_prefix,more\n"}) {
    EXPECT_EQ(FaultOf(bad), FaultOf("")) << bad;
  }
  const std::string fault = FaultOf(
      "nas,secret,name\n10.0.0.1,short,\n10.0.0.300,longenough,\n10.0.0.1/8,longenough,\n"
      "10.0.0.2,longenough\n10.0.0.3,longenough,\n10.0.0.3,othersecret,\n");
  EXPECT_NE(fault.find("c.csv:2: the secret has 5 bytes; 8 to 128 would do"), std::string::npos)
      << fault;
  EXPECT_NE(fault.find("c.csv:3: nas '10.0.0.300'"), std::string::npos) << fault;
  EXPECT_NE(fault.find("c.csv:4: nas '10.0.0.1/8'"), std::string::npos) << fault;
  EXPECT_NE(fault.find("c.csv:5: 2 fields"), std::string::npos) << fault;
  EXPECT_NE(fault.find("c.csv:7: nas '10.0.0.3"), std::string::npos) << fault;
  EXPECT_EQ(fault.find("longenough"), std::string::npos) << fault;
}

TEST(RadiusClients, AFramedPrefixIsSharedUnlessItIsSaid) {
  const auto clients = RadiusClients::Parse(
      "nas,secret,name,framed_prefix\n10.0.0.1,secret-of-one,bras,own\n"
      "10.0.0.2,secret-of-two,,shared\n10.0.0.3,secret-of-three,,\n",
      "c.csv");
  ASSERT_TRUE(clients.ok()) << clients.error().message;
  EXPECT_EQ(clients->Find(Ip("10.0.0.1"))->framed_prefix, FramedPrefix::kOwn);
  EXPECT_EQ(clients->Find(Ip("10.0.0.2"))->framed_prefix, FramedPrefix::kShared);
  EXPECT_EQ(clients->Find(Ip("10.0.0.3"))->framed_prefix, FramedPrefix::kShared);
  EXPECT_EQ(FaultOf("nas,secret,name,framed_prefix\n10.0.0.1,longenough,,yes\n"),
            "c.csv:2: framed_prefix 'yes': own or shared would do");
  EXPECT_EQ(FaultOf("nas,secret,name,framed_prefix\n10.0.0.1,longenough,\n"),
            "c.csv:2: 3 fields; the header has 4");
}

// As spreadsheets write it.
TEST(RadiusClients, AByteOrderMarkIsNoPartOfTheHeader) {
  const auto clients =
      RadiusClients::Parse("\xef\xbb\xbfnas,secret,name\r\n10.0.0.1,secret-of-one,bras\r\n", "c");
  ASSERT_TRUE(clients.ok()) << clients.error().message;
  EXPECT_EQ(clients->Find(Ip("10.0.0.1"))->name, "bras");
}

TEST(RadiusClients, TheFileIsNotEverybodys) {
  std::string name = std::filesystem::temp_directory_path() / "weir-clients-XXXXXX";
  const std::filesystem::path folder = mkdtemp(name.data());
  const std::filesystem::path file = folder / "c.csv";
  std::ofstream(file) << "nas,secret,name\n10.0.0.1,longenough,\n";
  ::chmod(file.c_str(), 0640);
  EXPECT_TRUE(RadiusClients::Load(file).ok());
  ::chmod(file.c_str(), 0644);
  const auto open = RadiusClients::Load(file);
  ASSERT_FALSE(open.ok());
  EXPECT_NE(open.error().message.find("chmod o-rwx"), std::string::npos);
  EXPECT_FALSE(RadiusClients::Load(folder / "none.csv").ok());
  std::filesystem::remove_all(folder);
}

}  // namespace
}  // namespace weir::control::radius
