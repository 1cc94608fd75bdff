"""Runs servers and clients in turn, one on core 0 and its load on core 1, and prints medians, spreads and ratios."""

import argparse
import contextlib
import json
import os
import pathlib
import re
import statistics
import struct
import subprocess
import sys
import tempfile
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass

PAYLOAD = 100
IN_FLIGHT = [1, 32, 100]
OURS, CPP, SWIFT = "Bulwark", "gRPC C++", "grpc-swift-2"


@dataclass(frozen=True)
class Stack:
    name: str
    server: list[str]
    client: list[str]
    # The slowest gets fewer requests, so that its rounds last about as long as the others'.
    share_of_requests: float = 1


def pinned(core: int, command: list[str]) -> list[str]:
    return ["taskset", "-c", str(core), *command]


@contextlib.contextmanager
def serving(stack: Stack) -> Iterator[int]:
    """The port of the stack's server, which runs on core 0."""
    process = subprocess.Popen(
        pinned(0, [*stack.server, "--listen", "127.0.0.1:0"]),
        stdout=subprocess.PIPE,
        text=True,
        stdin=subprocess.DEVNULL,
    )
    try:
        line = process.stdout.readline()
        match = re.match(r"listening on \S+:(\d+)$", line)
        if match is None:
            sys.exit(f"{stack.name}: {line!r} instead of `listening on HOST:PORT`")
        yield int(match[1])
    finally:
        process.kill()
        process.wait()


def output(command: list[str]) -> str:
    run = subprocess.run(command, capture_output=True, text=True, stdin=subprocess.DEVNULL)
    if run.returncode != 0:
        sys.exit(f"{' '.join(command)} ended with {run.returncode}:\n{run.stdout}{run.stderr}")
    return run.stdout


def server_rate(stack: Stack, judge: Stack, body: pathlib.Path, requests: int) -> float:
    """Requests per second that h2load gets answered."""
    with serving(stack) as port:
        # h2load looks at HTTP statuses only; a gRPC client that insists on OK has to be content first.
        client_rate(judge, port, in_flight=1, seconds=0.2)
        return h2load(stack.name, port, body, int(requests * stack.share_of_requests))


def h2load(name: str, port: int, body: pathlib.Path, count: int) -> float:
    """Unary requests per second, on core 1, over 8 connections with 32 streams each."""
    report = output(
        pinned(1, ["h2load", "-n", str(count), "-c", "8", "-m", "32", "-t", "1", "-d", str(body)])
        + [
            "-H",
            "content-type: application/grpc",
            "-H",
            "te: trailers",
            f"http://127.0.0.1:{port}/bench.Echo/Unary",
        ]
    )
    if f"{count} succeeded, 0 failed, 0 errored, 0 timeout" not in report:
        sys.exit(f"{name}: not every request was answered:\n{report}")
    return float(re.search(r"finished in \S+, ([\d.]+) req/s", report)[1])


@contextlib.contextmanager
def unary_body() -> Iterator[pathlib.Path]:
    """A file with the request that h2load sends."""
    with tempfile.NamedTemporaryFile() as body:
        body.write(struct.pack(">BI", 0, PAYLOAD + 2) + b"\n" + bytes([PAYLOAD]) + b"p" * PAYLOAD)
        body.flush()
        yield pathlib.Path(body.name)


def client_rate(stack: Stack, port: int, in_flight: int, seconds: float) -> float:
    """Calls per second of the stack's client, on core 1, with so many in flight on one connection."""
    options = ["--target", f"127.0.0.1:{port}", "--concurrency", str(in_flight), "--seconds", str(seconds)]
    if stack.name != OURS:
        return float(output(pinned(1, stack.client + options)).split()[-1])
    options += ["--kind", "unary", "--connections", "1", "--payload", str(PAYLOAD), "--json"]
    return float(json.loads(output(pinned(1, stack.client + options)))["calls_per_second"])


def table(title: str, rates: dict[tuple[str, str], list[float]]) -> None:
    """A Markdown table: a row per column of the measurement and stack, medians first."""
    print(f"\n{title}\n\n| | stack | median | lowest to highest | to {SWIFT} | to {CPP} |\n|---|---|---|---|---|---|")
    medians = {key: statistics.median(values) for key, values in rates.items()}
    for (column, name), values in rates.items():
        median = medians[column, name]
        ratios = [f"{median / medians[column, rival]:.2f}x" if rival != name else "" for rival in (SWIFT, CPP)]
        print(
            f"| {column} | {name} | {median:,.0f}/s | {min(values):,.0f} to {max(values):,.0f} | {ratios[0]} | {ratios[1]} |"
        )


def main() -> None:
    parser = argparse.ArgumentParser(prog="dev/bench rpc")
    for directory in ("--ours", "--cpp", "--swift"):
        parser.add_argument(directory, required=True, help=argparse.SUPPRESS)
    parser.add_argument("--rounds", type=int, default=5, help="rounds of everything (default 5)")
    parser.add_argument("--requests", type=int, default=200_000, help="requests per server and round (default 200000)")
    parser.add_argument("--seconds", type=float, default=2, help="seconds per client and round (default 2)")
    options = parser.parse_args()
    if os.cpu_count() < 2:
        sys.exit("one core for the server and one for the load are needed")

    cpp = Stack(CPP, [f"{options.cpp}/server"], [f"{options.cpp}/client"])
    stacks = [
        Stack(OURS, [f"{options.ours}/bench-server", "--threads", "1"], [f"{options.ours}/bench-client"]),
        cpp,
        Stack(SWIFT, [f"{options.swift}/peer", "server"], [f"{options.swift}/peer", "client"], 0.1),
    ]
    servers: dict[tuple[str, str], list[float]] = defaultdict(list)
    clients: dict[tuple[str, str], list[float]] = defaultdict(list)
    with unary_body() as body:
        for number in range(1, options.rounds + 1):
            print(f"round {number} of {options.rounds}", file=sys.stderr)
            for stack in stacks:
                servers["8 x 32", stack.name].append(server_rate(stack, cpp, body, options.requests))
            for in_flight in IN_FLIGHT:
                for stack in stacks:
                    with serving(stack) as port:
                        rate = client_rate(stack, port, in_flight, options.seconds)
                    clients[f"{in_flight} in flight", stack.name].append(rate)
    table(f"Servers: h2load, 8 connections x 32 streams, {PAYLOAD}-byte unary, one core each", servers)
    table(f"Clients against their own servers: {PAYLOAD}-byte unary on one connection, one core each", clients)


if __name__ == "__main__":
    main()
