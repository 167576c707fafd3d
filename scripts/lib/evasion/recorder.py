"""The server's application as it is measured: a relay that records every octet a client's TCP
connection delivers to it, before a real server behind it answers.

Runs in a thread of its own, whose sockets live in the server's network namespace.
"""

import asyncio
import dataclasses
import os
import socket
import threading

from . import wire

BACKLOG = 64
RECORD_MAX = 65536  # octets kept of a connection
CONNECT_SECONDS = 3


@dataclasses.dataclass
class Connection:
    server: str
    port: int
    data: bytearray  # what the application has read, in order


class Recorder:
    """Listens on each of (address, port), relays to (address, port) of the server behind it."""

    def __init__(self, namespace, routes):
        self.namespace, self.routes = namespace, routes
        self.connections = []
        self.ready = threading.Event()
        self.loop = self.ended = self.failure = None
        self.thread = threading.Thread(target=self.run, name="recorder", daemon=True)

    def start(self):
        self.thread.start()
        if not self.ready.wait(10) or self.failure:
            raise RuntimeError(f"the recorder does not listen: {self.failure}")

    def stop(self):
        if self.loop:
            self.loop.call_soon_threadsafe(self.ended.set)
        self.thread.join(5)

    def of(self, server, port, since=0):
        """The connections to that address and port, from the given number on."""
        return [one for one in self.connections[since:]
                if one.server == server and one.port == port]

    def run(self):
        try:
            with open(f"/run/netns/{self.namespace}", "rb") as there:
                wire.enter(there.fileno())
            asyncio.run(self.serve())
        except OSError as problem:
            self.failure = problem
        finally:
            self.ready.set()

    async def serve(self):
        self.loop, self.ended = asyncio.get_running_loop(), asyncio.Event()
        servers = [await self.listen(front, back) for front, back in self.routes.items()]
        self.ready.set()
        await self.ended.wait()
        for server in servers:
            server.close()

    async def listen(self, front, back):
        family = socket.AF_INET6 if ":" in front[0] else socket.AF_INET
        listener = socket.socket(family)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        # With the namespace's tcp_fastopen, the application takes data that came with the SYN.
        listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_FASTOPEN, BACKLOG)
        listener.bind(front)
        listener.listen(BACKLOG)
        return await asyncio.start_server(
            lambda reader, writer: self.relay(front, back, reader, writer), sock=listener)

    async def relay(self, front, back, reader, writer):
        record = Connection(*front, bytearray())
        self.connections.append(record)
        try:
            behind = asyncio.open_connection(*back)
            back_reader, back_writer = await asyncio.wait_for(behind, CONNECT_SECONDS)
        except (OSError, asyncio.TimeoutError):
            writer.close()
            return
        answers = asyncio.create_task(self.copy(back_reader, writer, None))
        await self.copy(reader, back_writer, record)
        await answers

    async def copy(self, reader, writer, record):
        try:
            while data := await reader.read(16384):
                if record:
                    record.data += data[:RECORD_MAX - len(record.data)]
                writer.write(data)
                await writer.drain()
        except (OSError, asyncio.CancelledError):
            pass  # one side is gone, or the recorder ends: so does the connection
        finally:
            writer.close()


def new_octets(path, since):
    """What a log has gained after its first `since` octets."""
    with open(path, "rb") as log:
        log.seek(since)
        return log.read()


def size_of(path):
    return os.stat(path).st_size
