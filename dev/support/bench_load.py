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
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from bench.load import FRAME, PAYLOAD
from bench.stacks import output

UNARY = "/bench.Echo/Unary"
STOP_SECONDS = 60


@dataclass(frozen=True)
class Running:
    """A server that takes connections."""

    process: subprocess.Popen
    port: int

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
    command = ["h2load", "-n", str(calls), "-c", str(connections), "-m", str(streams), "-t", "1", "-d", str(body)]
    command += ["-H", "content-type: application/grpc", "-H", "te: trailers"]
    report = output([*command, f"http://127.0.0.1:{port}{UNARY}"])
    # To h2load an answer is a success whatever its gRPC status, so the bytes of the messages are looked at.
    succeeded = re.search(r"(\d+) succeeded, 0 failed, 0 errored, 0 timeout", report)
    data = re.search(r"\((\d+)\) data$", report, re.MULTILINE)
    if succeeded is None or data is None or int(succeeded[1]) != calls or int(data[1]) != calls * len(FRAME):
        sys.exit(f"{calls} requests were not all answered with their message:\n{report}")


def client_calls(command: Sequence[str], port: int, seconds: float, environment: dict[str, str] | None = None) -> int:
    """How many unary calls our client has made in that time, with 32 in flight on one connection."""
    options = ["--target", f"127.0.0.1:{port}", "--kind", "unary", "--connections", "1", "--concurrency", "32"]
    options += ["--payload", str(PAYLOAD), "--warm-up", "0", "--seconds", str(seconds), "--json"]
    report = json.loads(output([*command, *options], environment))
    return round(report["calls_per_second"] * seconds)
