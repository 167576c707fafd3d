#!/usr/bin/env python3
"""One long TCP conversation with the echo server: a word each twentieth of a second.

    talk.py SOURCE SERVER PORT SECONDS

Prints a line with the system clock's time for each answer, at once, until the connection breaks,
goes three seconds without an answer, or the time is up.
"""

import socket
import sys
import time


def main(source, server, port, seconds):
    end = time.monotonic() + seconds
    with socket.create_connection((server, port), 5, (source, 0)) as link:
        link.settimeout(3)
        while time.monotonic() < end:
            try:
                link.sendall(b"still there?\n")
                if not link.recv(4096):
                    return
            except OSError:
                return
            print(f"{time.time():.6f}", flush=True)
            time.sleep(0.05)


main(sys.argv[1], sys.argv[2], int(sys.argv[3]), float(sys.argv[4]))
