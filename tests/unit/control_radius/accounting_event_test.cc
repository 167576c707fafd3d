#include "control/radius/accounting_event.h"

#include <gtest/gtest.h>

namespace weir::control::radius {
namespace {

const base::IpAddress kNas = *base::IpAddress::Parse("10.0.0.2");
const base::WallTime kArrival = *base::ParseRfc3339("2026-06-01T12:00:00Z");
constexpr uint32_t kArrivalS = 1'780'315'200;

base::WallTime At(const char* text) { return *base::ParseRfc3339(text); }

AccountingRequest Request(AccountingStatus status) {
  AccountingRequest request;
  request.status = status;
  request.session_id = "1";
  request.user_name = "anna";
  return request;
}

AccountingEvent Of(const AccountingRequest& request) {
  return EventOf(request, kNas, FramedPrefix::kShared, kArrival);
}

TEST(AccountingEvent, TheServerIsWhoTheRequestNames) {
  AccountingRequest request = Request(AccountingStatus::kStart);
  AccountingEvent event = Of(request);
  EXPECT_EQ(event.nas + "|" + event.nas_name, "10.0.0.2|10.0.0.2");
  EXPECT_FALSE(event.names_nas);
  request.nas_address = kNas;
  event = Of(request);
  EXPECT_EQ(event.nas + "|" + event.nas_name, "10.0.0.2|10.0.0.2");
  EXPECT_TRUE(event.names_nas);
  request.nas_identifier = "wireless-3";
  event = Of(request);
  EXPECT_EQ(event.nas + "|" + event.nas_name, "10.0.0.2|wireless-3");
  request.nas_address = *base::IpAddress::Parse("10.1.0.1");
  event = Of(request);
  EXPECT_EQ(event.nas + "|" + event.nas_name, "10.0.0.2 10.1.0.1|wireless-3");
  request.nas_address.reset();
  event = Of(request);
  EXPECT_EQ(event.nas + "|" + event.nas_name, "10.0.0.2 wireless-3|wireless-3");
}

TEST(AccountingEvent, APrefixCountsWhereItIsTheUsersAlone) {
  AccountingRequest request = Request(AccountingStatus::kStart);
  request.addresses = {*base::IpAddress::Parse("10.20.0.11")};
  request.framed_prefixes = {*base::IpPrefix::Parse("2001:db8:1:2::/64")};
  request.delegated_prefixes = {*base::IpPrefix::Parse("2001:db8:9::/56"),
                                *base::IpPrefix::Parse("2001:db8:1:2::/64")};
  const auto text = [&](FramedPrefix framed) {
    std::string out;
    for (const auto& ip : EventOf(request, kNas, framed, kArrival).addresses) {
      out += ip.ToString() + " ";
    }
    return out;
  };
  EXPECT_EQ(text(FramedPrefix::kOwn), "10.20.0.11 2001:db8:9::/56 2001:db8:1:2::/64 ");
  request.delegated_prefixes.pop_back();
  EXPECT_EQ(text(FramedPrefix::kShared), "10.20.0.11 2001:db8:9::/56 ");
  EXPECT_EQ(text(FramedPrefix::kOwn), "10.20.0.11 2001:db8:9::/56 2001:db8:1:2::/64 ");
}

TEST(AccountingEvent, TakesTheNassClockWhereItCanBeRight) {
  AccountingRequest request = Request(AccountingStatus::kStart);
  EXPECT_EQ(Of(request).time, kArrival);
  request.delay_s = 60;
  EXPECT_EQ(Of(request).time, At("2026-06-01T11:59:00Z"));
  request.event_time_s = kArrivalS - 3600;
  EXPECT_EQ(Of(request).time, At("2026-06-01T11:00:00Z"));
  request.event_time_s = kArrivalS + 300;
  EXPECT_EQ(Of(request).time, At("2026-06-01T12:05:00Z"));
  request.event_time_s = kArrivalS + 301;
  EXPECT_EQ(Of(request).time, At("2026-06-01T11:59:00Z"));
  request.event_time_s = 0;
  EXPECT_EQ(Of(request).time, At("2026-06-01T11:59:00Z"));
  request.delay_s = 0xffffffff;
  EXPECT_EQ(Of(request).time, kArrival);
}

TEST(AccountingEvent, SaysWhetherTheServerHasToldItsTime) {
  AccountingRequest request = Request(AccountingStatus::kStart);
  EXPECT_FALSE(Of(request).time_is_told);
  EXPECT_EQ(Of(request).heard, kArrival);
  EXPECT_EQ(ClockAheadS(request, kArrival), 0);
  request.delay_s = 60;
  EXPECT_TRUE(Of(request).time_is_told);
  request.delay_s = 0xffffffff;
  EXPECT_FALSE(Of(request).time_is_told);
  request.delay_s = 60;
  request.event_time_s = kArrivalS - 2460;
  EXPECT_TRUE(Of(request).time_is_told);
  EXPECT_EQ(Of(request).heard, kArrival);
  EXPECT_EQ(ClockAheadS(request, kArrival), -2400);
  request.event_time_s = 0;
  request.delay_s = 0;
  EXPECT_FALSE(Of(request).time_is_told) << "that clock is wrong";
}

// The outer identity of PEAP is whatever the user's machine says.
TEST(AccountingEvent, TextIsUtf8WhateverIsSent) {
  AccountingRequest request = Request(AccountingStatus::kStart);
  request.user_name = "\xd5\xc5\xc8\xfd";  // GBK
  EXPECT_EQ(Of(request).account, "张三");
  request.user_name = std::string(253, '\xff');
  EXPECT_LE(Of(request).account.size(), 255U);
  EXPECT_EQ(Of(request).account.substr(0, 8), "\\xff\\xff");
  request.session_id = "1\xff";
  request.nas_identifier = "bras\xff";
  EXPECT_EQ(Of(request).session, "1\\xff");
  EXPECT_EQ(Of(request).nas_name, "bras\\xff");
}

TEST(AccountingEvent, ASessionBeganBeforeItsInterimsAndItsStop) {
  for (const auto status : {AccountingStatus::kInterim, AccountingStatus::kStop}) {
    AccountingRequest request = Request(status);
    request.session_time_s = 600;
    EXPECT_EQ(Of(request).login, At("2026-06-01T11:50:00Z"));
    request.session_time_s = 0xffffffff;
    EXPECT_EQ(Of(request).login, kArrival);
  }
  AccountingRequest start = Request(AccountingStatus::kStart);
  start.session_time_s = 600;
  EXPECT_EQ(Of(start).login, kArrival);
}

TEST(AccountingEvent, ReadsMacAddressesInTheUsualForms) {
  AccountingRequest request = Request(AccountingStatus::kStart);
  for (const char* text :
       {"02:00:5e:10:00:0a", "02-00-5E-10-00-0A", "0200.5e10.000a", "02005E10000A",
        "0200-5e10-000a", "02-00-5E-10-00-0A:campus", "02005e10000a@eth1"}) {
    request.calling_station_id = text;
    EXPECT_EQ(Of(request).mac.ToString(), "02:00:5e:10:00:0a") << text;
  }
  for (const char* text : {"", "10.20.0.11", "+86 10 1234", "02:00:5e:10:00", "anna"}) {
    request.calling_station_id = text;
    EXPECT_TRUE(Of(request).mac.is_zero()) << text;
  }
}

TEST(AccountingEvent, NamesNasPortAndCause) {
  AccountingRequest request = Request(AccountingStatus::kStop);
  request.nas_port = 17;
  request.terminate_cause = 1;
  EXPECT_EQ(Of(request).nas_name, "10.0.0.2");
  EXPECT_EQ(Of(request).port, "17");
  EXPECT_EQ(Of(request).cause, "user-request");
  request.nas_identifier = "bras-1";
  request.nas_port_id = "eth-trunk1";
  request.terminate_cause = 99;
  EXPECT_EQ(Of(request).nas_name, "bras-1");
  EXPECT_EQ(Of(request).port, "eth-trunk1");
  EXPECT_EQ(Of(request).cause, "cause-99");
  EXPECT_EQ(TerminateCauseName(18), "host-request");
  EXPECT_EQ(TerminateCauseName(0), "");
}

}  // namespace
}  // namespace weir::control::radius
