"""Connections that have made one call and then say nothing, and what each costs the server.

Used by `test_idle.py`, and by `dev/bench idle`, which makes ten thousand.
"""

import dataclasses
import pathlib
import resource
import socket
import ssl
import struct

import hpack

from frames import ECHO, PREFACE, message, raw_frame
from programs import Program

DATA, HEADERS, SETTINGS, PING = 0, 1, 4, 6
END_STREAM, END_HEADERS, ACK = 1, 4, 1
# One address has some 28,000 ports to connect from; connections that have just ended may hold many of them.
SOURCES = [f"127.0.0.{number}" for number in range(2, 10)]
PATH = "/bulwark.interop.Interop/Echo"


def allow_descriptors(count: int) -> None:
    """Raises the limit of open files for this process and those that it starts."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    needed = count + 1_000
    if soft >= needed:
        return
    if hard != resource.RLIM_INFINITY and hard < needed:
        raise SystemExit(f"{needed} open files are needed, and the hard limit of this machine is {hard} (ulimit -Hn)")
    resource.setrlimit(resource.RLIMIT_NOFILE, (needed, hard))


def proportional_kib(pid: int) -> int:
    """The memory of a process in KiB, pages that others use too counted in part (PSS)."""
    for line in pathlib.Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
        if line.startswith("Pss:"):
            return int(line.split()[1])
    raise ProcessLookupError(f"process {pid} has no memory any more")


class IdleConnection:
    """An HTTP/2 connection that has made one call."""

    def __init__(self, port: int, source: str, context: ssl.SSLContext | None = None, path: str = PATH):
        plain = socket.create_connection(("127.0.0.1", port), timeout=20, source_address=(source, 0))
        plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.socket = context.wrap_socket(plain, server_hostname="127.0.0.1") if context else plain
        self._buffer = b""
        scheme = "https" if context else "http"
        fields = [(name, {":path": path, ":scheme": scheme}.get(name, value)) for name, value in ECHO]
        self.socket.sendall(
            PREFACE
            + raw_frame(SETTINGS, 0, 0)
            + raw_frame(HEADERS, END_HEADERS, 1, hpack.Encoder().encode(fields))
            + raw_frame(DATA, END_STREAM, 1, message(b""))
        )
        self._wait(lambda kind, flags: kind == HEADERS and flags & END_STREAM)
        self.socket.sendall(raw_frame(SETTINGS, ACK, 0))

    def _wait(self, is_it) -> None:
        while True:
            while len(self._buffer) >= 9:
                length = int.from_bytes(self._buffer[:3], "big")
                if len(self._buffer) < 9 + length:
                    break
                kind, flags = struct.unpack(">BB", self._buffer[3:5])
                self._buffer = self._buffer[9 + length :]
                if is_it(kind, flags):
                    return
            received = self.socket.recv(65_536)
            if not received:
                raise ConnectionError("the server has closed the connection")
            self._buffer += received

    def open_streams(self, path: str, count: int) -> None:
        """Begins so many calls, sends no message on any, and waits until the server has seen them."""
        fields = hpack.Encoder().encode([(name, path if name == ":path" else value) for name, value in ECHO])
        self.socket.sendall(b"".join(raw_frame(HEADERS, END_HEADERS, 3 + 2 * number, fields) for number in range(count)))
        if not self.is_alive():
            raise ConnectionError(f"the server has closed a connection with {count} open streams")

    def is_alive(self) -> bool:
        """Whether a PING is answered."""
        try:
            self.socket.sendall(raw_frame(PING, 0, 0, b"are you?"))
            self._wait(lambda kind, flags: kind == PING and flags & ACK)
        except OSError:
            return False
        return True


@dataclasses.dataclass
class IdleCost:
    connections: int
    kib_each: float
    alive: int


def measure(server: Program, port: int, count: int, context: ssl.SSLContext | None = None) -> IdleCost:
    """Opens so many connections, makes a call on each, and divides what the server has grown by."""
    # What a server makes once, for its first connections, is no cost of the others.
    warm = [IdleConnection(port, source, context) for source in SOURCES]
    before = proportional_kib(server.process.pid)
    crowd = [IdleConnection(port, SOURCES[number % len(SOURCES)], context) for number in range(count)]
    after = proportional_kib(server.process.pid)
    alive = sum(connection.is_alive() for connection in crowd)
    for connection in warm + crowd:
        connection.socket.close()
    return IdleCost(count, (after - before) / count, alive)
