"""Programs under load: a server of bench.Echo, started bare or under a tool, and what calls it."""

import contextlib
import json
import os
import pathlib
import re
import signal
import struct
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

PAYLOAD = 100
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


def output(command: Sequence[str], environment: dict[str, str] | None = None) -> str:
    run = subprocess.run(
        command, capture_output=True, text=True, stdin=subprocess.DEVNULL, env={**os.environ, **(environment or {})}
    )
    if run.returncode != 0:
        sys.exit(f"{' '.join(command)} ended with {run.returncode}:\n{run.stdout}{run.stderr}")
    return run.stdout


@contextlib.contextmanager
def unary_body() -> Iterator[pathlib.Path]:
    """A file with the request that h2load sends."""
    with tempfile.NamedTemporaryFile() as body:
        body.write(struct.pack(">BI", 0, PAYLOAD + 2) + b"\n" + bytes([PAYLOAD]) + b"p" * PAYLOAD)
        body.flush()
        yield pathlib.Path(body.name)


def h2load(port: int, body: pathlib.Path, calls: int, connections: int = 8, streams: int = 32, path: str = UNARY) -> None:
    """So many unary calls over so many connections with so many streams each; none may fail."""
    report = output(
        ["h2load", "-n", str(calls), "-c", str(connections), "-m", str(streams), "-t", "1", "-d", str(body)]
        + ["-H", "content-type: application/grpc", "-H", "te: trailers", f"http://127.0.0.1:{port}{path}"]
    )
    if f"{calls} succeeded, 0 failed, 0 errored, 0 timeout" not in report:
        sys.exit(f"not every request was answered:\n{report}")


def client_calls(command: Sequence[str], port: int, seconds: float, environment: dict[str, str] | None = None) -> int:
    """How many unary calls our client has made in that time, with 32 in flight on one connection."""
    options = ["--target", f"127.0.0.1:{port}", "--kind", "unary", "--connections", "1", "--concurrency", "32"]
    options += ["--payload", str(PAYLOAD), "--warm-up", "0", "--seconds", str(seconds), "--json"]
    report = json.loads(output([*command, *options], environment))
    return round(report["calls_per_second"] * seconds)
