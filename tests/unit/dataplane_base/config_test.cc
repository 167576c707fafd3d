#include "dataplane/base/config.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <fstream>
#include <sstream>

namespace weir::base {
namespace {

constexpr std::string_view kPorts = "[ports]\ninside = \"eth1\"\noutside = \"eth2\"\n";

Result<Config> Parse(const std::string& text) { return ParseConfig(text, "/etc/weir/weir.toml"); }

std::string ReadFile(const std::filesystem::path& path) {
  std::ostringstream text;
  text << std::ifstream(path).rdbuf();
  return text.str();
}

TEST(Config, HasDefaultsForEverythingButPorts) {
  const auto config = Parse(std::string(kPorts));
  ASSERT_TRUE(config.ok()) << config.error().message;
  char host[256] = {};
  gethostname(host, sizeof host - 1);
  EXPECT_EQ(config->sensor, host);
  EXPECT_EQ(config->ports.inside, "eth1");
  EXPECT_EQ(config->ports.outside, "eth2");
  EXPECT_EQ(config->workers.cores, std::vector<unsigned>{0});
  EXPECT_EQ(config->policy.mode, PolicyMode::kMonitor);
  EXPECT_EQ(config->fail.mode, FailMode::kOpen);
  EXPECT_EQ(config->parse.too_deep, OnTooDeep::kForward);
  EXPECT_EQ(config->control.listen_address.ToString(), "127.0.0.1");
  EXPECT_EQ(config->control.listen_port, 8443);
  EXPECT_EQ(config->audit.retention_days, 365U);
  EXPECT_TRUE(config->backup.dir.empty());
  EXPECT_EQ(config->backup.at_minute, 120U);
  EXPECT_EQ(config->backup.keep_days, 183U);
  EXPECT_EQ(config->journal.segment_bytes, 16U << 20);
  EXPECT_EQ(config->incidents.profiles, std::vector<std::string>{"cn-police-24h"});
}

TEST(Config, TakesEveryKey) {
  const auto config = Parse(R"(
sensor = "gate-1"
[ports]
inside = "net_af_xdp0,iface=eth1"
outside = "0000:03:00.0"
[dpdk]
args = "--no-huge  -m 512"
[workers]
cores = [2, 3]
idle = "sleep"
[policy]
mode = "enforce"
rules = ["rules/*.rules", "/srv/weir/extra.rules"]
[fail]
mode = "closed"
[streams]
max = 128
midstream = "drop"
two_way = false
[dns]
strip_ech = true
[respond]
dns = "sinkhole"
sinkhole_ipv4 = "192.0.2.1"
sinkhole_ipv6 = "2001:db8::1"
dns_ttl_s = 0
http = "reset"
block_page = "blocked.html"
per_source_per_second = 7
total_per_second = 8
[flows]
max = 5000
tcp_established_s = 1
tcp_embryonic_s = 2
tcp_closed_s = 3
udp_s = 4
icmp_s = 5
other_s = 6
embryonic_max_share = 0.5
[parse]
too_deep = "drop"
[journal]
dir = "journal"
max_bytes = 4_194_304
segment_bytes = 1_048_576
sync_ms = 0
[control]
listen = "[::1]:0"
socket = "/tmp/c.sock"
data_dir = "../data"
dataplane_socket = "/tmp/d.sock"
[audit]
store = "clickhouse"
retention_days = 180
retention_logins_days = 400
retention_events_days = 200
retention_operations_days = 3650
anchor_file = "anchor"
anchor_mail_to = "soc@campus.example"
anchor_mail_from = "weir@campus.example"
anchor_mail_server = "smtp://mail.campus.example:587"
anchor_mail_tls = "required"
anchor_mail_credentials_file = "mail.credentials"
anchor_mail_ca_file = "ca.pem"
clickhouse_url = "https://ch.campus.example:8443/"
clickhouse_database = "weir_1"
clickhouse_user = "weir"
clickhouse_password_file = "ch.password"
local_days = 7
[backup]
dir = "/mnt/backup"
key_file = "backup.key"
at = "23:05"
keep_days = 400
[accounts]
registry = "accounts.csv"
registry_history_days = 1000
radius_clients = "clients.csv"
radius_listen = "[2001:db8::1]:1814"
syslog_listen = "[::]:514"
syslog_senders = ["10.0.0.5", "2001:db8::/64"]
syslog_patterns = "portal.toml"
syslog_lines_per_second = 50
dhcp_servers = ["10.0.0.5", "fe80::/10"]
dhcp_side = "inside"
[incidents]
profiles = []
[log]
level = "debug"
)");
  ASSERT_TRUE(config.ok()) << config.error().message;
  EXPECT_EQ(config->sensor, "gate-1");
  EXPECT_EQ(config->ports.inside, "net_af_xdp0,iface=eth1");
  EXPECT_EQ(config->ports.outside, "0000:03:00.0");
  EXPECT_EQ(config->dpdk.args, (std::vector<std::string>{"--no-huge", "-m", "512"}));
  EXPECT_EQ(config->workers.cores, (std::vector<unsigned>{2, 3}));
  EXPECT_EQ(config->workers.idle, IdleMode::kSleep);
  EXPECT_EQ(config->policy.mode, PolicyMode::kEnforce);
  EXPECT_EQ(config->policy.rules,
            (std::vector<std::string>{"/etc/weir/rules/*.rules", "/srv/weir/extra.rules"}));
  EXPECT_EQ(config->fail.mode, FailMode::kClosed);
  EXPECT_EQ(config->streams.max, 128U);
  EXPECT_EQ(config->streams.midstream, MidStream::kDrop);
  EXPECT_FALSE(config->streams.two_way);
  EXPECT_TRUE(config->dns.strip_ech);
  EXPECT_EQ(config->accounts.dhcp_servers,
            (std::vector<IpPrefix>{IpPrefix::Parse("10.0.0.5").value(),
                                   IpPrefix::Parse("fe80::/10").value()}));
  EXPECT_EQ(config->accounts.dhcp_side, DhcpSide::kInside);
  EXPECT_EQ(config->respond.dns, DnsAnswerMode::kSinkhole);
  EXPECT_EQ(config->respond.sinkhole_ipv4->ToString(), "192.0.2.1");
  EXPECT_EQ(config->respond.sinkhole_ipv6->ToString(), "2001:db8::1");
  EXPECT_EQ(config->respond.dns_ttl_s, 0U);
  EXPECT_EQ(config->respond.http, HttpAnswerMode::kReset);
  EXPECT_EQ(config->respond.block_page, "/etc/weir/blocked.html");
  EXPECT_EQ(config->respond.per_source_per_second, 7U);
  EXPECT_EQ(config->respond.total_per_second, 8U);
  EXPECT_EQ(config->parse.too_deep, OnTooDeep::kDrop);
  EXPECT_EQ(config->flows.max, 5000U);
  EXPECT_EQ(config->flows.tcp_established_s, 1U);
  EXPECT_EQ(config->flows.tcp_embryonic_s, 2U);
  EXPECT_EQ(config->flows.tcp_closed_s, 3U);
  EXPECT_EQ(config->flows.udp_s, 4U);
  EXPECT_EQ(config->flows.icmp_s, 5U);
  EXPECT_EQ(config->flows.other_s, 6U);
  EXPECT_EQ(config->flows.embryonic_max_share, 0.5);
  EXPECT_EQ(config->journal.dir, "/etc/weir/journal");
  EXPECT_EQ(config->journal.max_bytes, 4U << 20);
  EXPECT_EQ(config->journal.segment_bytes, 1U << 20);
  EXPECT_EQ(config->journal.sync_ms, 0U);
  EXPECT_EQ(config->control.listen_address.ToString(), "::1");
  EXPECT_EQ(config->control.listen_port, 0);
  EXPECT_EQ(config->control.socket, "/tmp/c.sock");
  EXPECT_EQ(config->control.data_dir, "/etc/data");
  EXPECT_EQ(config->control.dataplane_socket, "/tmp/d.sock");
  EXPECT_EQ(config->audit.store, AuditStore::kClickhouse);
  EXPECT_EQ(config->audit.retention_days, 180U);
  EXPECT_EQ(config->audit.retention_logins_days, 400U);
  EXPECT_EQ(config->audit.retention_events_days, 200U);
  EXPECT_EQ(config->audit.retention_operations_days, 3650U);
  EXPECT_EQ(config->audit.anchor_file, "/etc/weir/anchor");
  EXPECT_EQ(config->audit.anchor_mail.to, "soc@campus.example");
  EXPECT_EQ(config->audit.anchor_mail.from, "weir@campus.example");
  EXPECT_EQ(config->audit.anchor_mail.server, "smtp://mail.campus.example:587");
  EXPECT_TRUE(config->audit.anchor_mail.tls_required);
  EXPECT_EQ(config->audit.anchor_mail.credentials_file, "/etc/weir/mail.credentials");
  EXPECT_EQ(config->audit.anchor_mail.ca_file, "/etc/weir/ca.pem");
  EXPECT_EQ(config->audit.clickhouse_url, "https://ch.campus.example:8443");
  EXPECT_EQ(config->audit.clickhouse_database, "weir_1");
  EXPECT_EQ(config->audit.clickhouse_user, "weir");
  EXPECT_EQ(config->audit.clickhouse_password_file, "/etc/weir/ch.password");
  EXPECT_EQ(config->audit.local_days, 7U);
  EXPECT_EQ(config->backup.dir, "/mnt/backup");
  EXPECT_EQ(config->backup.key_file, "/etc/weir/backup.key");
  EXPECT_EQ(config->backup.at_minute, 23U * 60 + 5);
  EXPECT_EQ(config->backup.keep_days, 400U);
  EXPECT_EQ(config->accounts.registry, "/etc/weir/accounts.csv");
  EXPECT_EQ(config->accounts.registry_history_days, 1000U);
  EXPECT_EQ(config->accounts.radius_clients, "/etc/weir/clients.csv");
  EXPECT_EQ(config->accounts.radius_address.ToString(), "2001:db8::1");
  EXPECT_EQ(config->accounts.radius_port, 1814);
  EXPECT_EQ(config->accounts.syslog_address.ToString(), "::");
  EXPECT_EQ(config->accounts.syslog_port, 514);
  ASSERT_EQ(config->accounts.syslog_senders.size(), 2U);
  EXPECT_EQ(config->accounts.syslog_senders[1].ToString(), "2001:db8::/64");
  EXPECT_EQ(config->accounts.syslog_patterns, "/etc/weir/portal.toml");
  EXPECT_EQ(config->accounts.syslog_lines_per_second, 50U);
  EXPECT_TRUE(config->incidents.profiles.empty());
  EXPECT_EQ(config->log.level, LogLevel::kDebug);
}

TEST(Config, TakesDpdkArgumentsAsAList) {
  const auto config = Parse(std::string(kPorts) + "[dpdk]\nargs = [\"-m\", \"a b\"]\n");
  ASSERT_TRUE(config.ok()) << config.error().message;
  EXPECT_EQ(config->dpdk.args, (std::vector<std::string>{"-m", "a b"}));
}

TEST(Config, WorkersThatSleepMayShareACore) {
  const auto config =
      Parse(std::string(kPorts) + "[workers]\nidle = \"sleep\"\ncores = [1, 0, 1, 1]\n");
  ASSERT_TRUE(config.ok()) << config.error().message;
  EXPECT_EQ(config->workers.cores, (std::vector<unsigned>{1, 0, 1, 1}));
}

TEST(Config, TakesNoMoreWorkersThanSessionIdsHaveRoomFor) {
  const auto with = [](unsigned workers) {
    std::string cores;
    for (unsigned core = 0; core < workers; ++core) cores += std::to_string(core) + ", ";
    return Parse(std::string(kPorts) + "[workers]\ncores = [" + cores + "]\n");
  };
  EXPECT_TRUE(with(64).ok());
  ASSERT_FALSE(with(65).ok());
  EXPECT_EQ(with(65).error().message,
            "/etc/weir/weir.toml:5:9: workers.cores: expected at most 64 workers, found 65");
}

TEST(Config, FitsTheSegmentToASmallJournalUnlessItIsGiven) {
  const auto config = Parse(std::string(kPorts) + "[journal]\nmax_bytes = 8_388_608\n");
  ASSERT_TRUE(config.ok()) << config.error().message;
  EXPECT_EQ(config->journal.segment_bytes, 1U << 20);
}

struct BadInput {
  const char* text;  // follows the three lines of kPorts
  const char* message;
};

class ConfigRefusal : public testing::TestWithParam<BadInput> {};

TEST_P(ConfigRefusal, NamesPlaceAndExpectation) {
  const auto config = Parse(std::string(kPorts) + GetParam().text);
  ASSERT_FALSE(config.ok());
  EXPECT_EQ(config.error().message, std::string("/etc/weir/weir.toml:") + GetParam().message);
}

constexpr BadInput kBadInputs[] = {
    {"port = 1\n", "4:1: unknown key 'port' in [ports]"},
    {"insidee = \"x\"\n", "4:1: unknown key 'insidee' in [ports]; did you mean 'inside'?"},
    {"[polciy]\n", "4:2: unknown section 'polciy'; did you mean 'policy'?"},
    {"[weather]\n", "4:2: unknown section 'weather'"},
    {"[export]\neve = \"x\"\n", "4:2: [export] is not supported yet"},
    {"[[flows]]\n", "4:3: expected a section [flows], found a list"},
    {"[workers]\nidle = \"slep\"\n",
     "5:8: workers.idle: expected \"poll\" or \"sleep\", found \"slep\"; did you mean 'sleep'?"},
    {"[workers]\nidle = true\n",
     "5:8: workers.idle: expected \"poll\" or \"sleep\", found true or false"},
    {"[workers]\ncores = 1\n",
     "5:9: workers.cores: expected a list of core numbers from 0 to 1023, found a whole "
     "number"},
    {"[workers]\ncores = []\n",
     "5:9: workers.cores: expected a list of core numbers from 0 to 1023, found an empty "
     "one"},
    {"[workers]\ncores = [1, 0, 1]\n",
     "5:1: workers.cores: expected different cores with idle = \"poll\", found 1 twice; workers "
     "may "
     "share a core with idle = \"sleep\""},
    {"[workers]\ncores = [-1]\n",
     "5:10: workers.cores: expected a list of core numbers from 0 to 1023"},
    {"[policy]\nmode = \"block\"\n",
     "5:8: policy.mode: expected \"monitor\" or \"enforce\", found \"block\""},
    {"[policy]\nrules = \"a.rules\"\n",
     "5:9: policy.rules: expected a list of file patterns, found a string"},
    {"[policy]\nrules = [\"a\", 3]\n",
     "5:15: policy.rules: expected a list of file patterns, found a whole number in it"},
    {"[policy]\nrules = [\"\"]\n",
     "5:10: policy.rules: expected a list of file patterns, found an empty string in it"},
    {"[dns]\nstrip_ech = 1\n", "5:13: dns.strip_ech: expected true or false, found a whole number"},
    {"[fail]\nmode = \"\"\n", "5:8: fail.mode: expected \"open\" or \"closed\", found \"\""},
    {"[respond]\ndns = \"sinkhole\"\n",
     "5:1: respond.dns: \"sinkhole\" needs sinkhole_ipv4, sinkhole_ipv6 or both"},
    {"[respond]\nsinkhole_ipv4 = \"2001:db8::1\"\n",
     "5:17: respond.sinkhole_ipv4: expected an IPv4 address, found \"2001:db8::1\""},
    {"[respond]\nper_source_per_second = 0\n",
     "5:25: respond.per_source_per_second: expected a whole number from 1 to 1000000, found 0"},
    {"[parse]\ntoo_deep = \"pass\"\n",
     "5:12: parse.too_deep: expected \"forward\" or \"drop\", found \"pass\""},
    {"[flows]\nmax = 1023\n",
     "5:7: flows.max: expected a whole number from 1024 to 1000000000, found 1023"},
    {"[flows]\nudp_s = 0\n",
     "5:9: flows.udp_s: expected a whole number from 1 to 2592000, found 0"},
    {"[flows]\nudp_s = -5\n",
     "5:9: flows.udp_s: expected a whole number from 1 to 2592000, found -5"},
    {"[flows]\nudp_s = 1.5\n",
     "5:9: flows.udp_s: expected a whole number from 1 to 2592000, found a number with a "
     "fraction"},
    {"[flows]\nembryonic_max_share = 1.01\n",
     "5:23: flows.embryonic_max_share: expected a share from 0.01 to 1.0, found 1.01"},
    {"[flows]\nembryonic_max_share = nan\n",
     "5:23: flows.embryonic_max_share: expected a share from 0.01 to 1.0, found nan"},
    {"[flows]\nembryonic_max_share = \"half\"\n",
     "5:23: flows.embryonic_max_share: expected a share from 0.01 to 1.0, found a string"},
    {"[journal]\ndir = \"\"\n", "5:7: journal.dir: expected a path, found an empty string"},
    {"[journal]\nmax_bytes = 4_194_304\nsegment_bytes = 1_048_577\n",
     "6:1: journal.segment_bytes: expected at most a quarter of journal.max_bytes, which is "
     "1048576"},
    {"[control]\nlisten = \"localhost:1\"\n",
     "5:10: control.listen: expected an address and port such as \"127.0.0.1:8443\" or "
     "\"[::1]:8443\", found \"localhost:1\""},
    {"[control]\nlisten = \"127.0.0.1:65536\"\n",
     "5:10: control.listen: expected an address and port such as \"127.0.0.1:8443\" or "
     "\"[::1]:8443\", found \"127.0.0.1:65536\""},
    {"[control]\nlisten = \"::1:80\"\n",
     "5:10: control.listen: expected an address and port such as \"127.0.0.1:8443\" or "
     "\"[::1]:8443\", found \"::1:80\""},
    {"[control]\nlisten = \"0.0.0.0:8443\"\n",
     "5:10: control.listen: expected a loopback address; listening on 0.0.0.0 is not supported "
     "yet, as this port has no TLS"},
    {"[control]\nsocket = \"/run/weir/dataplane.sock\"\n",
     "5:1: control.dataplane_socket: expected another path than control.socket"},
    {"[accounts]\nunknown = \"portals\"\n",
     "5:11: accounts.unknown: expected \"allow\", \"drop\", \"reject\" or \"portal\", found "
     "\"portals\"; did you mean 'portal'?"},
    {"[accounts]\nunknown = \"reject\"\n",
     "5:1: accounts.unknown: expected \"allow\" without registry, radius_clients or "
     "syslog_patterns: everybody would be unknown"},
    {"[accounts]\nsyslog_listen = \"0.0.0.0:5514\"\nsyslog_senders = [\"10.0.0.5\"]\n",
     "5:1: accounts.syslog_listen: needs accounts.syslog_patterns as well\n"
     "/etc/weir/weir.toml:6:1: accounts.syslog_senders: needs accounts.syslog_patterns as well"},
    {"[accounts]\nsyslog_listen = \"0.0.0.0:5514\"\nsyslog_patterns = \"p.toml\"\n"
     "syslog_senders = [\"10.0.0.5\", \"portal\"]\n",
     "7:31: accounts.syslog_senders: expected a list of addresses or prefixes such as "
     "\"10.0.0.5\", found \"portal\""},
    {"[accounts]\nradius_clients = \"c.csv\"\nradius_listen = \"1813\"\n",
     "6:17: accounts.radius_listen: expected an address and port such as \"0.0.0.0:1813\" or "
     "\"[::]:1813\", found \"1813\""},
    {"[accounts]\nradius_listen = \"0.0.0.0:1813\"\n",
     "5:1: accounts.radius_listen: needs radius_clients, those who may send"},
    {"[accounts]\nregistry = \"a.csv\"\nregistry_history_days = 364\n",
     "6:1: accounts.registry_history_days: expected at least audit.retention_days, which is 365"},
    {"[accounts]\ndhcp_servers = \"10.0.0.5\"\n",
     "5:16: accounts.dhcp_servers: expected a list of servers' addresses and prefixes, found a "
     "string"},
    {"[accounts]\ndhcp_servers = [\"10.0.0.5\", \"10.0.0.5/24\"]\n",
     "5:29: accounts.dhcp_servers: expected a list of servers' addresses and prefixes; "
     "'10.0.0.5/24' has bits set behind its length; 10.0.0.0/24 would do"},
    {"[accounts]\ndhcp_servers = [\"0.0.0.0/0\"]\n",
     "5:17: accounts.dhcp_servers: expected a list of servers' addresses and prefixes; 0.0.0.0/0 "
     "is everybody"},
    {"[accounts]\ndhcp_servers = [\"10.0.0.5\"]\ndhcp_side = \"left\"\n",
     "6:13: accounts.dhcp_side: expected \"outside\" or \"inside\", found \"left\""},
    {"[accounts]\ndhcp_side = \"inside\"\n", "5:1: accounts.dhcp_side: needs dhcp_servers"},
    {"[accounts]\nregistry = \"a.csv\"\nunknown = \"portal\"\n",
     "6:1: accounts.unknown: \"portal\" needs portal"},
    {"[accounts]\nmax_addresses = 0\n",
     "5:17: accounts.max_addresses: expected a whole number from 1 to 4000000, found 0"},
    {"[audit]\nstore = \"clickhouse\"\n", "5:1: audit.store: \"clickhouse\" needs clickhouse_url"},
    {"[audit]\nstore = \"clickhouse\"\nclickhouse_url = \"http://u:p@host:8123\"\n",
     "6:18: audit.clickhouse_url: expected an address such as \"http://127.0.0.1:8123\", without "
     "user, password and query"},
    {"[audit]\nclickhouse_database = \"a-b\"\n",
     "5:23: audit.clickhouse_database: expected a name of letters, digits and _, of up to 64 "
     "bytes, found \"a-b\""},
    {"[audit]\nclickhouse_user = \"a\\nb\"\n",
     "5:19: audit.clickhouse_user: expected a user's name of up to 100 bytes, without control "
     "characters"},
    {"[audit]\nanchor_mail_to = \"a@b\"\nanchor_mail_from = \"a@b\"\n",
     "5:1: audit.anchor_mail_to: needs anchor_mail_server"},
    {"[audit]\nanchor_mail_server = \"smtp://a\"\n",
     "5:1: audit.anchor_mail_server: needs anchor_mail_to, who gets the mail"},
    {"[audit]\nanchor_mail_to = \"a@b>\\r\\nX\"\nanchor_mail_from = \"a@b\"\nanchor_mail_server = "
     "\"smtps://a\"\n",
     "5:18: audit.anchor_mail_to: expected a mail address such as \"soc@campus.example\""},
    {"[audit]\nanchor_mail_to = \"a@b\"\nanchor_mail_from = \"a@b\"\nanchor_mail_server = "
     "\"smtp://u:p@host\"\n",
     "7:22: audit.anchor_mail_server: expected a mail server such as "
     "\"smtps://mail.campus.example\" or \"smtp://127.0.0.1:25\", without user, password and "
     "path"},
    {"[audit]\nanchor_mail_to = \"a@b\"\nanchor_mail_from = \"a@b\"\nanchor_mail_server = "
     "\"smtps://a\"\nanchor_mail_tls = \"optional\"\n",
     "8:1: audit.anchor_mail_tls: expected \"required\" with an smtps server"},
    {"[audit]\nanchor_mail_to = \"a@b\"\nanchor_mail_from = \"a@b\"\nanchor_mail_server = "
     "\"smtp://a\"\nanchor_mail_tls = \"optional\"\nanchor_mail_credentials_file = \"c\"\n",
     "8:1: audit.anchor_mail_tls: expected \"required\" with anchor_mail_credentials_file: no "
     "password goes over the wire in the clear"},
    {"[audit]\nlocal_days = 0\n",
     "5:14: audit.local_days: expected a whole number from 1 to 36500, found 0"},
    {"[audit]\nstore = \"clickhose\"\n",
     "5:9: audit.store: expected \"embedded\" or \"clickhouse\", found \"clickhose\"; did you mean "
     "'clickhouse'?"},
    {"[audit]\nretention_operations_days = 179\n",
     "5:29: audit.retention_operations_days: expected a whole number from 180 to 36500, found 179"},
    {"[audit]\nretention_events_days = 90\n",
     "5:25: audit.retention_events_days: expected a whole number from 180 to 36500, found 90"},
    {"[audit]\nretention_days = 179\n",
     "5:18: audit.retention_days: expected a whole number from 180 to 36500, found 179"},
    {"[backup]\ndir = \"/b\"\n",
     "5:1: backup.dir: needs backup.key_file, which backups are encrypted with"},
    {"[backup]\nkey_file = \"/k\"\n", "5:1: backup.key_file: needs backup.dir, where backups go"},
    {"[backup]\nat = \"03:00\"\n", "5:1: backup.at: needs backup.dir, where backups go"},
    {"[backup]\ndir = \"/b\"\nkey_file = \"/b/c/../key\"\n",
     "6:1: backup.key_file: expected a place outside of backup.dir: who takes the backups must not "
     "have their key"},
    {"[backup]\ndir = \"/var/lib/weir/backup\"\nkey_file = \"/k\"\n",
     "5:1: backup.dir: expected a place outside of control.data_dir, on another disk"},
    {"[backup]\ndir = \"/var/lib/weir/\"\nkey_file = \"/k\"\n",
     "5:1: backup.dir: expected a place outside of control.data_dir, on another disk"},
    {"[backup]\ndir = \"/var\"\nkey_file = \"/k\"\n",
     "5:1: backup.dir: expected a folder that does not hold control.data_dir"},
    {"[backup]\ndir = \"/b\"\nkey_file = \"/k\"\nkeep_days = 182\n",
     "7:13: backup.keep_days: expected a whole number from 183 to 36500, found 182"},
    {"[backup]\ndir = \"/b\"\nkey_file = \"/k\"\nat = \"2:00\"\n",
     "7:6: backup.at: expected a time of day from \"00:00\" to \"23:59\", found \"2:00\""},
    {"[backup]\ndir = \"/b\"\nkey_file = \"/k\"\nat = \"24:00\"\n",
     "7:6: backup.at: expected a time of day from \"00:00\" to \"23:59\", found \"24:00\""},
    {"[backup]\ndir = \"/b\"\nkey_file = \"/k\"\nat = \"1a:00\"\n",
     "7:6: backup.at: expected a time of day from \"00:00\" to \"23:59\", found \"1a:00\""},
    {"[incidents]\nprofiles = [\"cn-virus\"]\n",
     "5:13: incidents.profiles: expected \"cn-police-24h\"; \"cn-virus\" is not supported yet"},
    {"[incidents]\nprofiles = [\"cn-police-24\"]\n",
     "5:13: incidents.profiles: expected \"cn-police-24h\", found \"cn-police-24\"; did you mean "
     "'cn-police-24h'?"},
    {"[log]\nlevel = 2000-01-01\n",
     "5:9: log.level: expected \"debug\", \"info\", \"warn\" or \"error\", found a date or time"},
};

INSTANTIATE_TEST_SUITE_P(Inputs, ConfigRefusal, testing::ValuesIn(kBadInputs));

TEST(Config, TakesAPortalThatIsAWebAddress) {
  const auto portal = [](const std::string& url) {
    return Parse(
        "[ports]\ninside = \"a\"\noutside = \"b\"\n[accounts]\nregistry = \"a.csv\"\n"
        "unknown = \"portal\"\nportal = '" +
        url + "'\n");
  };
  for (const char* good : {"http://portal.campus.example/login", "https://10.0.0.1:8443/?a=b"}) {
    const auto config = portal(good);
    ASSERT_TRUE(config.ok()) << config.error().message;
    EXPECT_EQ(config->accounts.portal, good);
    EXPECT_EQ(config->accounts.unknown, UnknownAddress::kPortal);
  }
  const std::string long_one = "http://portal.example/" + std::string(200, 'x');
  for (const std::string& bad :
       {std::string("portal.example"), std::string("http://"), std::string("ftp://portal.example"),
        std::string("http://portal.example/a b"), std::string("http://portal.example/<b>"),
        std::string("http://portal.example/\xc3\xa4"), long_one}) {
    EXPECT_FALSE(portal(bad).ok()) << bad;
  }
}

TEST(Config, ReportsEveryProblemInTheOrderOfTheFile) {
  const auto config = Parse(
      "sensor = \"a b\"\nlogg = 1\n[ports]\ninside = \"eth1\"\n[flows]\nmax = 1\n[audit]\n"
      "retention_days = \"long\"\n");
  ASSERT_FALSE(config.ok());
  EXPECT_EQ(config.error().message,
            "/etc/weir/weir.toml:1:1: ports.outside: missing; expected an interface name, a PCI "
            "address or DPDK devargs\n"
            "/etc/weir/weir.toml:1:10: sensor: expected a name of at most 63 letters, digits, '-', "
            "'_' and '.', found \"a b\"\n"
            "/etc/weir/weir.toml:2:1: unknown key 'logg'; did you mean 'log'?\n"
            "/etc/weir/weir.toml:6:7: flows.max: expected a whole number from 1024 to 1000000000, "
            "found 1\n"
            "/etc/weir/weir.toml:8:18: audit.retention_days: expected a whole number from 180 to "
            "36500, found a string");
}

TEST(Config, RefusesTheSamePortTwice) {
  const auto config = Parse("[ports]\ninside = \"eth1\"\noutside = \"eth1\"\n");
  ASSERT_FALSE(config.ok());
  EXPECT_EQ(config.error().message,
            "/etc/weir/weir.toml:3:1: ports.outside: expected another port than ports.inside");
}

TEST(Config, RefusesASocketPathThatTheKernelWouldNotTake) {
  const std::string path = "/" + std::string(107, 'a');
  const auto config = Parse(std::string(kPorts) + "[control]\nsocket = \"" + path + "\"\n");
  ASSERT_FALSE(config.ok());
  EXPECT_EQ(config.error().message,
            "/etc/weir/weir.toml:5:10: control.socket: expected a path of at most 107 bytes, found "
            "one of 108");
}

TEST(Config, NamesThePlaceOfASyntaxError) {
  for (const char* text : {"[ports\n", "x = \n", "a = 1\na = 2\n", "x = \"\xff\"\n"}) {
    const auto config = Parse(text);
    ASSERT_FALSE(config.ok()) << text;
    EXPECT_TRUE(config.error().message.starts_with("/etc/weir/weir.toml:")) << text;
    EXPECT_EQ(config.error().message.find('\n'), std::string::npos);
  }
}

TEST(LoadConfig, SaysWhyAFileCannotBeRead) {
  EXPECT_EQ(LoadConfig("/nonexistent/weir.toml").error().message,
            "/nonexistent/weir.toml: cannot be read: No such file or directory");
  EXPECT_EQ(LoadConfig("/proc").error().message, "/proc: cannot be read: Is a directory");
}

TEST(LoadConfig, RefusesAFileWithoutEnd) {
  EXPECT_EQ(LoadConfig("/dev/zero").error().message, "/dev/zero: expected at most 1048576 bytes");
}

TEST(ShippedConfig, Loads) {
  const auto config = LoadConfig(WEIR_SHIPPED_CONFIG);
  ASSERT_TRUE(config.ok()) << config.error().message;
  EXPECT_EQ(config->policy.rules.size(), 1U);
}

// Every key is in the file, and what it gives as the default is the default: with the comments
// taken off the keys it loads to the same.
TEST(ShippedConfig, ShowsEveryKeyWithItsDefault) {
  std::istringstream lines(ReadFile(WEIR_SHIPPED_CONFIG));
  std::string uncommented;
  for (std::string line; std::getline(lines, line);) {
    const bool example = line.starts_with("# sensor = ") || line.starts_with("# registry = ") ||
                         line.starts_with("# sinkhole_") || line.starts_with("# block_page = ") ||
                         line.starts_with("# args = [\"");
    const bool key = line.starts_with("# ") && line.find(" = ") != std::string::npos && !example;
    uncommented += (key ? line.substr(2) : line) + "\n";
  }
  const auto shown = Parse(uncommented);
  ASSERT_TRUE(shown.ok()) << shown.error().message;
  const Config defaults;
  EXPECT_EQ(shown->dpdk.args, defaults.dpdk.args);
  EXPECT_EQ(shown->workers.cores, defaults.workers.cores);
  EXPECT_EQ(shown->workers.idle, defaults.workers.idle);
  EXPECT_EQ(shown->policy.mode, defaults.policy.mode);
  EXPECT_EQ(shown->fail.mode, defaults.fail.mode);
  EXPECT_EQ(shown->respond.dns, defaults.respond.dns);
  EXPECT_EQ(shown->respond.dns_ttl_s, defaults.respond.dns_ttl_s);
  EXPECT_EQ(shown->respond.http, defaults.respond.http);
  EXPECT_EQ(shown->respond.per_source_per_second, defaults.respond.per_source_per_second);
  EXPECT_EQ(shown->respond.total_per_second, defaults.respond.total_per_second);
  EXPECT_EQ(shown->parse.too_deep, defaults.parse.too_deep);
  EXPECT_EQ(shown->flows.max, defaults.flows.max);
  EXPECT_EQ(shown->flows.tcp_established_s, defaults.flows.tcp_established_s);
  EXPECT_EQ(shown->flows.tcp_embryonic_s, defaults.flows.tcp_embryonic_s);
  EXPECT_EQ(shown->flows.tcp_closed_s, defaults.flows.tcp_closed_s);
  EXPECT_EQ(shown->flows.udp_s, defaults.flows.udp_s);
  EXPECT_EQ(shown->flows.icmp_s, defaults.flows.icmp_s);
  EXPECT_EQ(shown->flows.other_s, defaults.flows.other_s);
  EXPECT_EQ(shown->flows.embryonic_max_share, defaults.flows.embryonic_max_share);
  EXPECT_EQ(shown->journal.dir, defaults.journal.dir);
  EXPECT_EQ(shown->journal.max_bytes, defaults.journal.max_bytes);
  EXPECT_EQ(shown->journal.segment_bytes, defaults.journal.segment_bytes);
  EXPECT_EQ(shown->journal.sync_ms, defaults.journal.sync_ms);
  EXPECT_EQ(shown->control.listen_address, defaults.control.listen_address);
  EXPECT_EQ(shown->control.listen_port, defaults.control.listen_port);
  EXPECT_EQ(shown->control.socket, defaults.control.socket);
  EXPECT_EQ(shown->control.data_dir, defaults.control.data_dir);
  EXPECT_EQ(shown->control.dataplane_socket, defaults.control.dataplane_socket);
  EXPECT_EQ(shown->audit.store, defaults.audit.store);
  EXPECT_EQ(shown->audit.retention_days, defaults.audit.retention_days);
  EXPECT_EQ(shown->audit.clickhouse_database, defaults.audit.clickhouse_database);
  EXPECT_EQ(shown->audit.clickhouse_user, defaults.audit.clickhouse_user);
  EXPECT_EQ(shown->audit.local_days, defaults.audit.local_days);
  EXPECT_EQ(shown->incidents.profiles, defaults.incidents.profiles);
  EXPECT_EQ(shown->log.level, defaults.log.level);
}

}  // namespace
}  // namespace weir::base
