"""The addresses and names found, as a file of `protect` rules."""

import hashlib
import ipaddress
import re

HOST = re.compile(r"(?=.{1,253}$)([a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?\.)+[a-z][a-z0-9-]{0,61}[a-z0-9]", re.I)
HEADER = """\
# Never blocked, whatever other rules and lists say. Found on this machine by scripts/protect:
# look through it, and add your portal, your log-in servers and the people who manage this.
# 永不封堵的地址与域名，由 scripts/protect 在本机查得：请核对，并补充认证门户、登录服务器和管理终端。
#
# `protect` wins wherever it stands: neither this file's name nor its place matters.
# protect 无论写在何处都优先，与文件名和先后无关。
#
# A name is protected where it is seen (DNS, HTTP, TLS, QUIC). What speaks without one (time, LDAP,
# Kerberos, RADIUS, syslog) goes by the addresses that the name had when this was written.
# 域名仅在 DNS、HTTP、TLS、QUIC 中可见；对时、LDAP 等协议不带域名，按生成时解析到的地址保护。
"""
SEAL = "# unchanged since scripts/protect wrote it, while this fits: "


def sealed(body):
    return f"{SEAL}{hashlib.sha256(body.encode()).hexdigest()[:16]}\n"


def was_edited(text):
    """Whether a file is other than to_text() has written it, in a rule or a comment."""
    _, _, rest = text.partition(SEAL)
    _, _, body = rest.partition("\n")
    return text != HEADER + sealed(body) + body


class Proposal:
    """Each address and name once, with every place where it was found."""

    def __init__(self, warn):
        self.warn = warn
        self.found = {}  # (kind, order, text): places, in the order in which they were found

    def add(self, value, what, where):
        """An address or a name; whatever else it is told in a warning. True for a name."""
        value = value.strip().rstrip(".").partition("%")[0]
        try:
            network = ipaddress.ip_network(value)
        except ValueError:
            return self._add_host(value, what, where)
        ip = network.network_address
        if network.num_addresses > 1:
            self.warn(f"{where}: {value} is a whole network; protect it by hand if you mean to")
        elif not (ip.is_loopback or ip.is_unspecified or ip.is_multicast or int(ip) == 0xFFFFFFFF):
            self._add(("ip", (ip.version, int(ip)), str(ip)), what, where)
        return False

    def _add_host(self, value, what, where):
        if value.lower() in ("localhost", "localhost.localdomain"):
            return False
        if not HOST.fullmatch(value):
            self.warn(f"{where}: '{ascii(value)[1:-1][:80]}' is neither an address nor a full host name")
            return False
        self._add(("host", value.lower(), value.lower()), what, where)
        return True

    def _add(self, key, what, where):
        place = "".join(sign if sign.isprintable() else "?" for sign in f"{what} ({where})")
        places = self.found.setdefault(key, [])
        if place not in places:
            places.append(place)

    def rules(self):
        """Addresses before names, each kind in its own order."""
        for kind in ("ip", "host"):
            for key in sorted(key for key in self.found if key[0] == kind):
                yield f"protect {kind} {key[2]}", "; ".join(self.found[key])

    def to_text(self):
        lines = list(self.rules())
        width = max((len(rule) for rule, _ in lines), default=0)
        body = "".join(f"{rule:<{width}}  # {places}\n" for rule, places in lines)
        return HEADER + sealed(body) + body
