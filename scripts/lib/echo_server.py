#!/usr/bin/env python3
"""Echo servers of the lab's internet side: TCP on each port given, UDP on the first.

Runs in the foreground until SIGTERM. A connection that sends nothing for ten minutes is closed.
"""

import asyncio
import signal
import sys

IDLE_SECONDS = 600


async def echo(reader, writer):
    try:
        while data := await asyncio.wait_for(reader.read(65536), IDLE_SECONDS):
            writer.write(data)
            await writer.drain()
    except (OSError, asyncio.TimeoutError):
        pass  # the client left, or never said more
    finally:
        writer.close()


class UdpEcho(asyncio.DatagramProtocol):
    def connection_made(self, transport):
        self.transport = transport

    def datagram_received(self, data, addr):
        self.transport.sendto(data, addr)


async def main(address_and_ports):
    addresses = [a for a in address_and_ports if not a.isdigit()]
    ports = [int(p) for p in address_and_ports if p.isdigit()]
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for signum in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(signum, stop.set)
    for port in ports:
        await asyncio.start_server(echo, addresses, port)
    for address in addresses:
        await loop.create_datagram_endpoint(UdpEcho, local_addr=(address, ports[0]))
    await stop.wait()


asyncio.run(main(sys.argv[1:]))
