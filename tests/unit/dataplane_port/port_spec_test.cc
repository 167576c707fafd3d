#include "dataplane/port/port_spec.h"

#include <gtest/gtest.h>

namespace weir::port {
namespace {

PortSpec Parsed(const std::string& text) {
  auto spec = ParsePortSpec(text);
  EXPECT_TRUE(spec.ok()) << text;
  return spec.ok() ? *spec : PortSpec();
}

std::string Refused(const std::string& text) {
  auto spec = ParsePortSpec(text);
  EXPECT_FALSE(spec.ok()) << text;
  return spec.ok() ? "" : spec.error().message;
}

TEST(PortSpec, BareNameIsAnInterface) {
  for (const char* name : {"eth1", "weir-in", "enp3s0f0", "net0", "br.10"}) {
    const PortSpec spec = Parsed(name);
    EXPECT_EQ(spec.kind, PortSpec::Kind::kInterface) << name;
    EXPECT_EQ(spec.interface, name);
    EXPECT_EQ(spec.device, name);
  }
}

TEST(PortSpec, DevargsAreAVirtualDevice) {
  const PortSpec spec = Parsed("net_pcap0,rx_pcap=t.pcap,infinite_rx=1");
  EXPECT_EQ(spec.kind, PortSpec::Kind::kVdev);
  EXPECT_EQ(spec.device, "net_pcap0");
  EXPECT_EQ(spec.driver, "net_pcap");
  EXPECT_EQ(spec.arguments, "rx_pcap=t.pcap,infinite_rx=1");
  EXPECT_EQ(spec.interface, "");
  EXPECT_EQ(spec.Argument("rx_pcap"), "t.pcap");
  EXPECT_EQ(spec.Argument("infinite_rx"), "1");
  EXPECT_EQ(spec.Argument("pcap"), std::nullopt);
}

TEST(PortSpec, DevargsOverAnInterfaceNameIt) {
  EXPECT_EQ(Parsed("net_af_xdp0,iface=eth1,start_queue=0").interface, "eth1");
  EXPECT_EQ(Parsed("net_af_packet12,iface=eth2").driver, "net_af_packet");
  EXPECT_NE(Refused("net_af_xdp0").find("iface="), std::string::npos);
}

TEST(PortSpec, DeviceWithoutArguments) {
  EXPECT_EQ(Parsed("net_null0").driver, "net_null");
  EXPECT_EQ(Parsed("net_null0").arguments, "");
}

TEST(PortSpec, PciAddressWithAndWithoutDomain) {
  for (const char* text : {"0000:3b:00.0", "3b:00.1", "0000:af:10.7,representor=0"}) {
    EXPECT_EQ(Parsed(text).kind, PortSpec::Kind::kPci) << text;
  }
  EXPECT_EQ(Parsed("0000:af:10.7,representor=0").device, "0000:af:10.7");
}

TEST(PortSpec, RefusesWhatCanBeNoPort) {
  for (const char* text : {"", "eth 1", "a/b", "..", "eth1,queues=2", "interface-name-too-long",
                           "00:11:22:33.0", "3b:zz.0"}) {
    const std::string message = Refused(text);
    EXPECT_NE(message.find("expected an interface name"), std::string::npos) << message;
  }
}

}  // namespace
}  // namespace weir::port
