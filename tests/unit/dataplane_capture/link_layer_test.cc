#include "dataplane/capture/link_layer.h"

#include <gtest/gtest.h>
#include <pcap/dlt.h>

#include <string>

#include "tests/unit/dataplane_capture/test_file.h"

namespace weir::capture {
namespace {

// Hexadecimal digits, spaces ignored.
Bytes Hex(const std::string& text) {
  std::string digits;
  for (const char c : text) {
    if (c != ' ') digits.push_back(c);
  }
  Bytes bytes;
  for (size_t i = 0; i + 1 < digits.size(); i += 2) {
    bytes.push_back(static_cast<uint8_t>(std::stoul(digits.substr(i, 2), nullptr, 16)));
  }
  return bytes;
}

struct LinkCase {
  const char* what;
  int link_type;
  const char* link_header;
  uint16_t ether_type;
};

// The 24 bytes of an 802.11 header behind the given type and flags.
#define WEIR_WIFI(type, flags) \
  type flags                   \
      "0000"                   \
      "020000000001"           \
      "020000000002"           \
      "020000000003"           \
      "0000"
#define WEIR_SNAP "aaaa03000000"

const LinkCase kCarryIp[] = {
    {"BSD loopback, big-endian", DLT_NULL, "00000002", 0x0800},
    {"BSD loopback, little-endian", DLT_NULL, "02000000", 0x0800},
    {"BSD loopback, IPv6 of macOS", DLT_NULL, "1e000000", 0x86dd},
    {"OpenBSD loopback, IPv6", DLT_LOOP, "00000018", 0x86dd},
    {"OpenBSD IPsec", DLT_ENC, "02000000 11223344 00000000", 0x0800},
    {"PPP with address and control", DLT_PPP, "ff030021", 0x0800},
    {"PPP, protocol compressed", DLT_PPP, "21", 0x0800},
    {"PPP, IPv6", DLT_PPP_SERIAL, "ff030057", 0x86dd},
    {"Cisco HDLC", DLT_C_HDLC, "0f000800", 0x0800},
    {"PPP with direction", DLT_PPP_WITH_DIR, "00ff030021", 0x0800},
    {"PPPoE", DLT_PPP_ETHER,
     "110000010016"
     "0021",
     0x0800},
    {"Linux cooked", DLT_LINUX_SLL, "00000001000602000000000100000800", 0x0800},
    {"Linux cooked with VLAN", DLT_LINUX_SLL, "00000001000602000000000100008100", 0x8100},
    {"Linux cooked v2", DLT_LINUX_SLL2,
     "86dd0000000000020001000602000000000100"
     "00",
     0x86dd},
    {"802.11 data", DLT_IEEE802_11, WEIR_WIFI("08", "01") WEIR_SNAP "0800", 0x0800},
    {"802.11 QoS data", DLT_IEEE802_11, WEIR_WIFI("88", "01") "0000" WEIR_SNAP "86dd", 0x86dd},
    {"802.11 between access points", DLT_IEEE802_11,
     WEIR_WIFI("08", "03") "020000000004" WEIR_SNAP "0800", 0x0800},
    {"radiotap", DLT_IEEE802_11_RADIO,
     "00000800"
     "00000000" WEIR_WIFI("08", "02") WEIR_SNAP "0800",
     0x0800},
    {"radiotap with padding", DLT_IEEE802_11_RADIO,
     "00000900"
     "02000000"
     "20" WEIR_WIFI("88", "01") "0000"
                                "0000" WEIR_SNAP "0800",
     0x0800},
    {"PPI with 802.11", DLT_PPI,
     "00000800"
     "69000000" WEIR_WIFI("08", "01") WEIR_SNAP "0800",
     0x0800},
    {"token ring", DLT_IEEE802,
     "1040"
     "020000000001"
     "020000000002" WEIR_SNAP "0800",
     0x0800},
    {"token ring with routing", DLT_IEEE802,
     "1040"
     "020000000001"
     "820000000002"
     "06300011"
     "2222" WEIR_SNAP "0800",
     0x0800},
    {"FDDI", DLT_FDDI,
     "50"
     "020000000001"
     "020000000002" WEIR_SNAP "0800",
     0x0800},
    {"RFC 1483", DLT_ATM_RFC1483, WEIR_SNAP "0800", 0x0800},
    {"frame relay", DLT_FRELAY, "184103cc", 0x0800},
    {"frame relay with SNAP", DLT_FRELAY,
     "18410300"
     "80000000"
     "86dd",
     0x86dd},
    {"NFLOG", DLT_NFLOG,
     "02000000"
     "0800010008000100"
     "18000900",
     0x0800},
    {"packet filter log", DLT_PFLOG, "3d020000", 0x0800},
};

TEST(LinkLayer, FindsTheNetworkPartBehindEachLinkHeader) {
  for (const LinkCase& test : kCarryIp) {
    Bytes record = Hex(test.link_header);
    if (test.link_type == DLT_PFLOG) record.resize(64);  // a header of 61 bytes, padded
    const size_t header_bytes = record.size();
    record.insert(record.end(), 20, 0x45);
    const auto part = FindNetworkPart(test.link_type, record);
    ASSERT_TRUE(part.has_value()) << test.what;
    EXPECT_EQ(part->offset, header_bytes) << test.what;
    EXPECT_EQ(part->ether_type, test.ether_type) << test.what;
  }
}

TEST(LinkLayer, FindsNothingInAnyCutHeader) {
  for (const LinkCase& test : kCarryIp) {
    Bytes record = Hex(test.link_header);
    if (test.link_type == DLT_PFLOG) record.resize(64);
    while (!record.empty()) {
      record.pop_back();
      const auto part = FindNetworkPart(test.link_type, record);
      // A header may end early in another meaning, but never behind the record.
      EXPECT_LE(part.value_or(NetworkPart{}).offset, record.size()) << test.what;
    }
    EXPECT_FALSE(FindNetworkPart(test.link_type, {}).has_value()) << test.what;
  }
}

TEST(LinkLayer, TellsRawIpByItsVersion) {
  EXPECT_EQ(FindNetworkPart(DLT_RAW, Hex("45"))->ether_type, 0x0800);
  EXPECT_EQ(FindNetworkPart(DLT_RAW, Hex("60"))->ether_type, 0x86dd);
  EXPECT_FALSE(FindNetworkPart(DLT_RAW, Hex("50")).has_value());
}

TEST(LinkLayer, FindsNothingInEncryptedEmptyOrManagementFrames) {
  const char* frames[] = {WEIR_WIFI("08", "41") WEIR_SNAP "0800",          // protected
                          WEIR_WIFI("48", "01") WEIR_SNAP "0800",          // no body
                          WEIR_WIFI("80", "00") WEIR_SNAP "0800",          // beacon
                          WEIR_WIFI("88", "01") "8000" WEIR_SNAP "0800"};  // several in one
  for (const char* frame : frames) {
    EXPECT_FALSE(FindNetworkPart(DLT_IEEE802_11, Hex(frame)).has_value()) << frame;
  }
}

TEST(LinkLayer, FindsNothingInLinkTypesThatCarryNoIp) {
  EXPECT_FALSE(FindNetworkPart(DLT_USB_LINUX, Bytes(64, 0x45)).has_value());
  EXPECT_FALSE(FindNetworkPart(-1, Bytes(64, 0x45)).has_value());
}

TEST(LinkLayer, NamesLinkTypes) {
  EXPECT_EQ(LinkTypeName(DLT_EN10MB), "Ethernet");
  EXPECT_EQ(LinkTypeName(99999), "link type 99999");
}

}  // namespace
}  // namespace weir::capture
