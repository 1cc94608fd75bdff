"""What one of many takes of a server's memory: a connection that says nothing, and an open stream on which nothing comes."""

import pathlib
import sys
from dataclasses import dataclass

from bench_load import UNARY, Running

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "Tests/Interop"))

from idle import SOURCES, IdleConnection, allow_descriptors, proportional_kib  # noqa: E402

BIDIRECTIONAL = "/bench.Echo/Bidi"
STREAMS_PER_CONNECTION = 100


@dataclass(frozen=True)
class Memory:
    connection_kib: float
    stream_kib: float


def memory_of_one(server: Running, count: int) -> Memory:
    """Opens so many connections and a call on each, then calls on some that wait for their first message.

    `server` serves bench.Echo and has nothing else to do. What it grows by is divided by what was opened.
    """
    allow_descriptors(count)
    # What a server makes once, for its first connections and streams, is no cost of the others.
    first = [IdleConnection(server.port, source, path=UNARY) for source in SOURCES]
    for connection in first:
        connection.open_streams(BIDIRECTIONAL, STREAMS_PER_CONNECTION)
    before = proportional_kib(server.process.pid)
    crowd = [IdleConnection(server.port, source(number), path=UNARY) for number in range(count)]
    connected = proportional_kib(server.process.pid)
    used = crowd[: count // 50]
    for connection in used:
        connection.open_streams(BIDIRECTIONAL, STREAMS_PER_CONNECTION)
    opened = proportional_kib(server.process.pid)
    for connection in first + crowd:
        connection.socket.close()
    streams = len(used) * STREAMS_PER_CONNECTION
    return Memory((connected - before) / count, (opened - connected) / streams)


def source(number: int) -> str:
    """The address that a connection comes from: one address has ports for some 28,000."""
    return SOURCES[number % len(SOURCES)]
