"""dev/bench scale: what a call costs a server that has much of something, and what each of many costs in memory.

The cost of a call is the processor time that the server spends in a window, the kernel's for it included, divided by the
calls answered in it: it does not fall when the load is the slower of the two. The server has core 0 and the load core 1.
Needs a hard limit of open files (`ulimit -Hn`) of 11,000; the soft one is raised.
"""

import argparse
import json
import os
import pathlib
import statistics
import subprocess
import sys
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from bench.stacks import SERVER_CORE, pinned
from bench_load import UNARY, Shape, server_cost, serving, unary_body
from bench_machine import description
from bench_memory import STREAMS_PER_CONNECTION, IdleConnection, allow_descriptors, memory_of_one, source

OURS = "Bulwark"
MOST_CONNECTIONS = 10_000
# The server's limit is 10,000, and the load has eight of its own.
MOST_IDLE = MOST_CONNECTIONS - 8
MAX_RATIO, MAX_CONNECTION_KIB, MAX_STREAM_KIB = 1.3, 16, 4


@dataclass(frozen=True)
class Amounts:
    rounds: int
    seconds: float
    warm_up: float
    # Whether the numbers between the least and the most are measured, too.
    is_complete: bool
    memory_connections: int
    samples: int


FULL = Amounts(3, 2, 0.5, True, 5_000, 51)
QUICK = Amounts(1, 1, 0.3, False, 1_000, 11)
# A loop that is busy with the calls of the others accepts 64 connections a turn, and a turn takes up to 100 ms then.
CONNECTIONS_PER_SECOND = 300


@dataclass
class Series:
    """The cost of one thing at rising numbers of another, in rounds."""

    id: str
    title: str
    unit: str = "us of server processor per call"
    max_ratio: float | None = None
    values: dict[str, list[float]] = field(default_factory=lambda: defaultdict(list))

    @property
    def ratios(self) -> list[float]:
        """The last to the first, round by round."""
        first, *_, last = self.values.values()
        return [most / least for most, least in zip(last, first, strict=True)]

    @property
    def verdict(self) -> str:
        if self.max_ratio is None:
            return ""
        return "met" if statistics.median(self.ratios) <= self.max_ratio else "MISSED"

    def row(self) -> dict:
        row = {"id": self.id, "title": self.title, "unit": self.unit}
        row["points"] = [{"at": at, "values": values} for at, values in self.values.items()]
        low, high = min(self.ratios), max(self.ratios)
        row["ratio"] = {"to": next(iter(self.values)), "median": statistics.median(self.ratios), "low": low, "high": high}
        return row | ({} if self.max_ratio is None else {"target": self.max_ratio, "verdict": self.verdict})

    def lines(self) -> Iterator[str]:
        yield f"\n{self.title}, {self.unit}\n\n| | median | lowest to highest |\n|---|---|---|"
        for at, values in self.values.items():
            yield f"| {at} | {statistics.median(values):.2f} | {min(values):.2f} to {max(values):.2f} |"
        bound = "" if self.max_ratio is None else f", at most {self.max_ratio}: {self.verdict}"
        medians = [statistics.median(values) for values in self.values.values()]
        yield f"\nthe last to the first: {statistics.median(self.ratios):.2f} x{bound}"
        yield f"the last to the least: {medians[-1] / min(medians):.2f} x"


@dataclass
class Memory:
    """What one of many takes."""

    id: str
    title: str
    unit: str
    most: float | None = None
    values: list[float] = field(default_factory=list)

    @property
    def verdict(self) -> str:
        if self.most is None:
            return ""
        return "met" if statistics.median(self.values) <= self.most else "MISSED"

    def row(self) -> dict:
        row = {"id": self.id, "title": self.title, "unit": self.unit, "values": {OURS: self.values}}
        return row | ({} if self.most is None else {"target": self.most, "verdict": self.verdict})

    def line(self) -> str:
        target = "" if self.most is None else f"at most {self.most} {self.unit}"
        return f"| {self.title} | {statistics.median(self.values):,.1f} {self.unit} | {target} | {self.verdict} |"


class Bench:
    def __init__(self, server: str, policy_bench: str, body: pathlib.Path, amounts: Amounts):
        self._server, self._policy_bench, self._body, self._amounts = server, policy_bench, body, amounts
        self._methods = Series("methods", "1 to 1,000 methods, calls spread over all", max_ratio=MAX_RATIO)
        self._streams = Series("streams", "1 to 10,000 calls in flight, up to 100 on a connection")
        self._busy = Series("connections", "1 to 10,000 connections, a call in flight on each", max_ratio=MAX_RATIO)
        self._idle = Series("idle-connections", "0 to 9,992 idle connections, beside 8 busy ones", max_ratio=MAX_RATIO)
        self._both = Series("methods-and-connections", "1,000 methods on 10,000 connections", max_ratio=MAX_RATIO)
        self._keys = Series("keys", "1 to 100,000 keys, of a rate limiter that knows them all", "ns per acquisition")
        self.series = [self._methods, self._streams, self._busy, self._idle, self._both, self._keys]
        self._connection = Memory("idle-connection", "idle connection", "KiB", MAX_CONNECTION_KIB)
        self._stream = Memory("idle-stream", "open idle stream, its handler waiting", "KiB", MAX_STREAM_KIB)
        self._policies = {
            "breaker": Memory("breaker", "circuit breaker", "bytes"),
            "limiter": Memory("limiter", "rate limiter", "bytes"),
            "limiter key": Memory("limiter-key", "key of a keyed rate limiter", "bytes"),
            "bulkhead": Memory("bulkhead", "bulkhead", "bytes"),
            "retry": Memory("retry", "retry", "bytes"),
        }
        self.memory = [self._connection, self._stream, *self._policies.values()]

    def round(self) -> None:
        for methods in self._chosen(1, 10, 100, 1_000):
            self._add(self._methods, methods, Shape(8, 32, methods))
        for calls in self._chosen(1, 10, 100, 1_000, 10_000):
            connections = max(1, calls // STREAMS_PER_CONNECTION)
            self._add(self._streams, calls, Shape(connections, calls // connections))
        for connections in self._chosen(1, 10, 100, 1_000, MOST_CONNECTIONS):
            self._add(self._busy, connections, Shape(connections, 1))
        for idle in self._chosen(0, 100, 1_000, MOST_IDLE):
            self._add(self._idle, idle, Shape(8, 32), idle)
        # The least of both is the first of the connections, measured a moment ago.
        self._both.values["1 and 1"].append(self._busy.values["1"][-1])
        self._add(self._both, f"1,000 and {MOST_CONNECTIONS:,}", Shape(MOST_CONNECTIONS, 1, 1_000))
        self._measure_memory()
        self._measure_policies()

    def _chosen(self, *numbers: int) -> Sequence[int]:
        return numbers if self._amounts.is_complete else (numbers[0], numbers[-1])

    def _add(self, series: Series, at: int | str, shape: Shape, idle: int = 0) -> None:
        label = at if isinstance(at, str) else f"{at:,}"
        print(f"  {series.title}: {label}", file=sys.stderr)
        warm_up = max(self._amounts.warm_up, shape.connections / CONNECTIONS_PER_SECOND)
        with serving(pinned(SERVER_CORE, self._command(shape.methods))) as server:
            others = [IdleConnection(server.port, source(number), path=UNARY) for number in range(idle)]
            cost = server_cost(server, shape, self._body, self._amounts.seconds, warm_up)
            for other in others:
                other.socket.close()
        series.values[label].append(cost)

    def _command(self, methods: int) -> list[str]:
        return [self._server, "--threads", "1", "--methods", str(methods)]

    def _measure_memory(self) -> None:
        print("  memory", file=sys.stderr)
        with serving(pinned(SERVER_CORE, self._command(1))) as server:
            memory = memory_of_one(server, self._amounts.memory_connections)
        self._connection.values.append(memory.connection_kib)
        self._stream.values.append(memory.stream_kib)

    def _measure_policies(self) -> None:
        print("  policies", file=sys.stderr)
        command = [self._policy_bench, "--samples", str(self._amounts.samples), "--only", "keyed limiter, "]
        run = subprocess.run(command, capture_output=True, text=True, stdin=subprocess.DEVNULL)
        if run.returncode != 0:
            sys.exit(f"{' '.join(command)} ended with {run.returncode}:\n{run.stdout}{run.stderr}")
        report = json.loads(run.stdout)
        for keys in (1, 10, 100, 1_000, 10_000, 100_000):
            self._keys.values[f"{keys:,}"].append(report["operations"][f"keyed limiter, {keys} keys"]["alone"])
        for name, memory in self._policies.items():
            memory.values.append(report["bytes"][name])


def main() -> None:
    parser = argparse.ArgumentParser(prog="dev/bench scale")
    parser.add_argument("--server", required=True, help=argparse.SUPPRESS)
    parser.add_argument("--policy-bench", required=True, help=argparse.SUPPRESS)
    parser.add_argument("--quick", action="store_true", help="one round, and the least and the most alone")
    parser.add_argument("--rounds", type=int, help=f"rounds of everything (default {FULL.rounds})")
    parser.add_argument("--json", type=pathlib.Path, help="write everything to this file, too")
    options = parser.parse_args()
    if os.cpu_count() < 2:
        sys.exit("one core for the server and one for the load are needed")

    allow_descriptors(MOST_CONNECTIONS)
    amounts = QUICK if options.quick else FULL
    rounds = options.rounds or amounts.rounds
    with unary_body() as body:
        bench = Bench(options.server, options.policy_bench, body, amounts)
        for number in range(1, rounds + 1):
            print(f"round {number} of {rounds}", file=sys.stderr)
            bench.round()
    for series in bench.series:
        print("\n".join(series.lines()))
    print("\nMemory of one\n\n| | median | target | |\n|---|---|---|---|")
    for memory in bench.memory:
        print(memory.line())
    if options.json:
        rows = [each.row() for each in bench.series] + [each.row() for each in bench.memory]
        settings = {"quick": options.quick, "rounds": rounds, "seconds": amounts.seconds}
        options.json.write_text(json.dumps({**description(settings), "scale": rows}, indent=2) + "\n")


main()
