#!/usr/bin/env python3
"""One HTTPS request whose ClientHello is six kilobytes long, by the number of protocols it offers.

    long_hello.py SOURCE SERVER NAME CA SECONDS

Exit code 0 when the answer has status 200.
"""

import socket
import ssl
import sys

PROTOCOLS = 100
PROTOCOL_OCTETS = 60


def main(source, server, name, authority, seconds):
    context = ssl.create_default_context(cafile=authority)
    offered = [f"lab-{number:03}".ljust(PROTOCOL_OCTETS, "x") for number in range(PROTOCOLS)]
    context.set_alpn_protocols([*offered, "http/1.1"])
    with socket.create_connection((server, 443), seconds, (source, 0)) as plain:
        with context.wrap_socket(plain, server_hostname=name) as secure:
            secure.sendall(f"GET / HTTP/1.0\r\nHost: {name}\r\n\r\n".encode())
            answer = secure.recv(100)
    if not answer.startswith(b"HTTP/1.1 200"):
        sys.exit(f"answered {answer[:40]!r}")


try:
    main(*sys.argv[1:5], float(sys.argv[5]))
except OSError as problem:
    sys.exit(str(problem))
