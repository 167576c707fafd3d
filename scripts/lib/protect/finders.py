"""Where gateways, resolvers, log-in servers and managers of a machine are written down."""

import json
import re
import tomllib
from urllib.parse import urlsplit


def items_of(text, option, separator="="):
    """The values of `option = value` lines; comments and other lines left out."""
    pattern = rf"^[ \t]*(?:{option})[ \t]*{separator}[ \t]*([^\n#;]+)"
    return [value.strip().strip('"') for value in re.findall(pattern, text, re.M | re.I)]


def host_of(text):
    """The host of a URL, of host:port or of [address]:port."""
    text = text.strip().strip('"')
    if "://" not in text:
        if text.count(":") > 1 and not text.startswith("["):
            return text  # a bare IPv6 address
        text = "any://" + text
    try:
        return urlsplit(text).hostname or ""
    except ValueError:
        return text


class Finders:
    def __init__(self, machine, proposal):
        self.machine = machine
        self.proposal = proposal

    def add(self, values, what, where, resolve=False):
        for value in values:
            if not value or not self.proposal.add(value, what, where) or not resolve:
                continue
            for address in self.machine.addresses_of(value):
                self.proposal.add(address, f"{what} {value}", where)

    def json_of(self, name):
        where, text = self.machine.command(name)
        try:
            found = json.loads(text or "[]")
        except ValueError:
            self.machine.warn(f"{where}: what it says is not JSON")
            return where, []
        return where, [entry for entry in found if isinstance(entry, dict)]

    # ------------------------------------------------------------------ the network itself

    def gateways(self):
        for name in ("route4", "route6"):
            where, routes = self.json_of(name)
            for route in routes:
                hops = [hop for hop in [route, *route.get("nexthops", [])] if isinstance(hop, dict)]
                values = [hop.get("gateway") or hop.get("via", {}).get("host", "") for hop in hops]
                self.add(values, "default gateway", where)

    def resolvers(self):
        for where, text in self.machine.files("/etc/resolv.conf", "/run/systemd/resolve/resolv.conf"):
            self.add(items_of(text, "nameserver", ""), "DNS", where)
        where, text = self.machine.command("resolvectl")
        for line in text.splitlines():
            # "Link 2 (eth0): 10.0.0.53 2001:db8::53#dns.example"
            values = line.partition("): " if "): " in line else "Global:")[2].split()
            self.add([value.partition("#")[0] for value in values], "DNS", where)

    def leases(self):
        options = {"routers|ROUTER": "default gateway", "domain-name-servers|DNS": "DNS",
                   "ntp-servers|NTP": "time", "dhcp-server-identifier|SERVER_ADDRESS": "DHCP server",
                   "dhcp6.name-servers": "DNS"}
        for where, text in self.machine.files("/var/lib/dhcp/*.leases", "/var/lib/NetworkManager/*.lease",
                                              "/run/systemd/netif/leases/*"):
            newest = re.split(r"^lease6? ", text, flags=re.M)[-1]  # dhclient appends
            for option, what in options.items():
                for value in items_of(newest, rf"(?:option[ \t]+)?(?:{option})", "[ \t=]"):
                    self.add(re.split(r"[ ,]+", value), what, where)

    # ------------------------------------------------------------------ who lets users in

    def accounts(self, config):
        """What [accounts] of weir.toml names: the portal, and access servers whatever their keys."""
        for where, text in self.machine.files(config):
            try:
                values = tomllib.loads(text).get("accounts", {})
            except tomllib.TOMLDecodeError as problem:
                self.machine.warn(f"{where}: {problem}")
                continue
            portal = values.get("portal", "") if isinstance(values, dict) else ""
            self.add([host_of(str(portal))], "portal", f"{where} [accounts]", resolve=True)
            self.add(addresses_in(values), "access server", f"{where} [accounts]")

    def radius(self):
        for where, text in self.machine.files("/etc/freeradius/clients.conf", "/etc/freeradius/*/clients.conf",
                                              "/etc/freeradius/proxy.conf", "/etc/freeradius/*/proxy.conf",
                                              "/etc/raddb/clients.conf", "/etc/raddb/proxy.conf"):
            self.add(items_of(text, "ipaddr|ipv4addr|ipv6addr"), "RADIUS", where, resolve=True)

    def kerberos(self):
        for where, text in self.machine.files("/etc/krb5.conf", "/etc/krb5.conf.d/*"):
            values = items_of(text, "kdc|admin_server|kpasswd_server|master_kdc|primary_kdc")
            self.add(map(host_of, values), "Kerberos", where, resolve=True)

    def directory(self):
        for where, text in self.machine.files("/etc/ldap/ldap.conf", "/etc/openldap/ldap.conf", "/etc/ldap.conf",
                                              "/etc/libnss-ldap.conf", "/etc/nslcd.conf"):
            for value in items_of(text, "uri|host", "[ \t]"):
                self.add(map(host_of, value.split()), "LDAP", where, resolve=True)
        options = "(?:ldap|krb5|ad|ipa)(?:_backup)?_(?:uri|server|kpasswd)|ldap_backup_uri|krb5_backup_server"
        for where, text in self.machine.files("/etc/sssd/sssd.conf", "/etc/sssd/conf.d/*.conf"):
            for value in items_of(text, options):
                servers = [server for server in re.split(r"[ ,]+", value) if server != "_srv_"]
                self.add(map(host_of, servers), "log-in", where, resolve=True)

    # ------------------------------------------------------------------ who manages

    def managers(self):
        ports = {"22"}
        for _, text in self.machine.files("/etc/ssh/sshd_config", "/etc/ssh/sshd_config.d/*.conf"):
            ports.update(items_of(text, "Port", "[ \t]"))
        where, text = self.machine.command("sessions")
        for line in text.splitlines():
            fields = line.split()
            if len(fields) < 4:
                self.machine.warn(f"{where}: '{ascii(line)[1:-1][:80]}' is no connection")
            elif fields[2].rpartition(":")[2] in ports:
                peer = host_of(fields[3]).partition("%")[0]
                self.add([peer.removeprefix("::ffff:")], "manages by SSH", where)

    def own_addresses(self):
        where, links = self.json_of("address")
        for link in links:
            values = [entry.get("local", "") for entry in link.get("addr_info", [])
                      if isinstance(entry, dict) and entry.get("scope") == "global"]
            self.add(values, f"this machine, {link.get('ifname', '')}", where)

    def clocks(self):
        for where, text in self.machine.files("/etc/chrony.conf", "/etc/chrony/chrony.conf", "/etc/chrony/conf.d/*.conf",
                                              "/etc/chrony/sources.d/*.sources", "/etc/ntp.conf", "/etc/ntpsec/ntp.conf"):
            # 127.127.x.y are radio clocks of ntpd. A pool's addresses change by the hour.
            for option, resolve in (("server|peer", True), ("pool", False)):
                values = [value.split()[0] for value in items_of(text, option, "[ \t]")]
                self.add([value for value in values if not value.startswith("127.127.")], "time", where, resolve)
        for where, text in self.machine.files("/etc/systemd/timesyncd.conf", "/etc/systemd/timesyncd.conf.d/*.conf"):
            for value in items_of(text, "NTP|FallbackNTP"):
                self.add(value.split(), "time", where, resolve=True)

    def log_hosts(self):
        for where, text in self.machine.files("/etc/rsyslog.conf", "/etc/rsyslog.d/*.conf"):
            targets = re.findall(r"^[^#\n]*[ \t]@@?(?:\([^)]*\))?([^\s;@()]+)", text, re.M)
            targets += re.findall(r'^[^#\n]*\btarget="([^"\n]+)"', text, re.M | re.I)
            self.add(map(host_of, targets), "syslog", where, resolve=True)
        for where, text in self.machine.files("/etc/syslog-ng/syslog-ng.conf", "/etc/syslog-ng/conf.d/*.conf"):
            targets = re.findall(r'^[^#\n]*\b(?:network|syslog|tcp6?|udp6?)\s*\(\s*"([^"\n]+)"', text, re.M)
            self.add(map(host_of, targets), "syslog", where, resolve=True)
        for where, text in self.machine.files("/etc/systemd/journal-upload.conf"):
            self.add(map(host_of, items_of(text, "URL")), "syslog", where, resolve=True)


def addresses_in(value):
    """The addresses in decoded TOML, wherever they stand; other words are no business of ours."""
    if isinstance(value, dict):
        value = [*value.keys(), *value.values()]
    if isinstance(value, list):
        return [address for item in value for address in addresses_in(item)]
    is_address = isinstance(value, str) and re.fullmatch(r"\d+(\.\d+){3}|[0-9a-fA-F]*:[0-9a-fA-F:]*:[0-9a-fA-F:.]*", value)
    return [value] if is_address else []


def find_all(machine, proposal, config):
    finders = Finders(machine, proposal)
    finders.gateways()
    finders.resolvers()
    finders.leases()
    finders.accounts(config)
    finders.radius()
    finders.kerberos()
    finders.directory()
    finders.managers()
    finders.own_addresses()
    finders.clocks()
    finders.log_hosts()
