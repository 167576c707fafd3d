#!/usr/bin/env python3
"""One request for each host name read from standard input, many at a time, HTTP or TLS.

    many_names.py SOURCE SERVER http|https AT_ONCE SECONDS

Prints each name that was not answered with status 200 and that name, and why. A connection each,
at most SECONDS each.
"""

import asyncio
import ssl
import sys


def context():
    """Any certificate will do: the names are many and belong to nobody."""
    made = ssl.create_default_context()
    made.check_hostname = False
    made.verify_mode = ssl.CERT_NONE
    return made


async def ask(source, server, scheme, tls, name):
    """None when the server has answered for that name, else what happened instead."""
    reader, writer = await asyncio.open_connection(
        server, 443 if tls else 80, ssl=tls, server_hostname=name if tls else None,
        local_addr=(source, 0))
    try:
        writer.write(f"GET / HTTP/1.0\r\nHost: {name}\r\n\r\n".encode())
        answer = await reader.read()
    finally:
        writer.close()
    if answer.startswith(b"HTTP/1.1 200 ") and answer.endswith(f"{name} over {scheme}\n".encode()):
        return None
    return repr(answer[:80])


async def ask_all(source, server, scheme, at_once, seconds):
    names = iter(sys.stdin.read().split())
    tls = context() if scheme == "https" else None

    async def work():
        for name in names:
            try:
                fault = await asyncio.wait_for(ask(source, server, scheme, tls, name), seconds)
            except (OSError, asyncio.TimeoutError) as problem:
                fault = type(problem).__name__ + " " + str(problem)
            if fault:
                print(name, fault, flush=True)

    await asyncio.gather(*(work() for _ in range(at_once)))


asyncio.run(ask_all(*sys.argv[1:4], int(sys.argv[4]), float(sys.argv[5])))
