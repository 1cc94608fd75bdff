"""Programs under load: a server of bench.Echo, started bare or under a tool, and what calls it."""

import contextlib
import json
import os
import pathlib
import re
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from bench.load import FRAME, PAYLOAD
from bench.stacks import LOAD_CORE, output, pinned

UNARY = "/bench.Echo/Unary"
STOP_SECONDS = 60


@dataclass(frozen=True)
class Running:
    """A server that takes connections."""

    process: subprocess.Popen
    port: int

    def processor_seconds(self) -> float:
        """The time that all its threads have computed so far, theirs in the kernel included."""
        # What clock_getcpuclockid(3) returns for a process.
        return time.clock_gettime(~self.process.pid << 3 | 2)

    def descriptors(self) -> int:
        return len(list(pathlib.Path(f"/proc/{self.process.pid}/fd").iterdir()))

    def stop(self) -> None:
        """Asks it to end, and waits: tools that count write what they have counted when their program ends."""
        self.process.send_signal(signal.SIGTERM)
        code = self.process.wait(STOP_SECONDS)
        if code != 0:
            sys.exit(f"{' '.join(self.process.args)} ended with {code} after SIGTERM")


@contextlib.contextmanager
def serving(command: Sequence[str], environment: dict[str, str] | None = None) -> Iterator[Running]:
    """The server of that command, which prints where it listens. What it logs is shown if it does not come up."""
    with tempfile.TemporaryFile(mode="w+") as log:
        process = subprocess.Popen(
            [*command, "--listen", "127.0.0.1:0"],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=log,
            text=True,
            env={**os.environ, **(environment or {})},
        )
        try:
            line = process.stdout.readline()
            match = re.match(r"listening on \S+:(\d+)$", line)
            if match is None:
                log.seek(0)
                sys.exit(f"{' '.join(command)}: {line!r} instead of `listening on HOST:PORT`\n{log.read()}")
            yield Running(process, int(match[1]))
        finally:
            process.kill()
            process.wait()


@contextlib.contextmanager
def unary_body() -> Iterator[pathlib.Path]:
    """A file with the request that h2load sends."""
    with tempfile.NamedTemporaryFile() as body:
        body.write(FRAME)
        body.flush()
        yield pathlib.Path(body.name)


def h2load(port: int, body: pathlib.Path, calls: int, connections: int = 8, streams: int = 32) -> None:
    """So many unary calls over so many connections with so many streams each; none may fail."""
    shape = Shape(connections, streams)
    report = output(["h2load", "-n", str(calls), *shape.options(port, body)])
    if answered(report) != calls:
        sys.exit(f"{calls} requests were not all answered:\n{report}")


def answered(report: str) -> int:
    """How many requests h2load counts, all of them answered with the message that was sent.

    To h2load an answer is a success whatever its gRPC status, so the bytes of the messages are looked at. They are those of
    a warm-up, too.
    """
    succeeded = re.search(r"(\d+) succeeded, 0 failed, 0 errored, 0 timeout", report)
    data = re.search(r"\((\d+)\) data$", report, re.MULTILINE)
    if succeeded is None or data is None or int(data[1]) < int(succeeded[1]) * len(FRAME):
        sys.exit(f"not every request was answered with its message:\n{report}")
    return int(succeeded[1])


@dataclass(frozen=True)
class Shape:
    """How calls are spread: over how many connections, streams of each, and methods of `bench-server --methods`."""

    connections: int
    streams: int
    methods: int = 1

    def options(self, port: int, body: pathlib.Path) -> list[str]:
        paths = [UNARY, *(f"/bench.Many/Unary{number}" for number in range(1, self.methods))]
        options = ["-c", str(self.connections), "-m", str(self.streams), "-t", "1", "-d", str(body)]
        options += ["-H", "content-type: application/grpc", "-H", "te: trailers"]
        return options + [f"http://127.0.0.1:{port}{path}" for path in paths]


def server_cost(server: Running, shape: Shape, body: pathlib.Path, seconds: float, warm_up: float) -> float:
    """Microseconds that the server computes for a call; a time before, in which connections are made, does not count."""
    timing = ["-D", f"{seconds * 1000:.0f}ms", "--warm-up-time", f"{warm_up * 1000:.0f}ms"]
    command = pinned(LOAD_CORE, ["h2load", *timing, *shape.options(server.port, body)])
    load = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True)
    marks, connections, report = [], 0, ""
    for line in load.stdout:
        # h2load says at once when its time begins and ends, and counts in between alone.
        if line.startswith(("Main benchmark duration is started", "Main benchmark duration is over")):
            marks.append(server.processor_seconds())
            connections = server.descriptors()
        report += line
    load.wait()
    calls = answered(report)
    if connections < shape.connections:
        sys.exit(f"the server has taken fewer than {shape.connections} connections in {warm_up} s: {connections}")
    return (marks[1] - marks[0]) * 1e6 / calls


def client_calls(command: Sequence[str], port: int, seconds: float, environment: dict[str, str] | None = None) -> int:
    """How many unary calls our client has made in that time, with 32 in flight on one connection."""
    options = ["--target", f"127.0.0.1:{port}", "--kind", "unary", "--connections", "1", "--concurrency", "32"]
    options += ["--payload", str(PAYLOAD), "--warm-up", "0", "--seconds", str(seconds), "--json"]
    report = json.loads(output([*command, *options], environment))
    return round(report["calls_per_second"] * seconds)
