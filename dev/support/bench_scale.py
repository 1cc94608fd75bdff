"""dev/bench scale: what a call costs a server that has much of something, and what each of many costs in memory.

The cost of a call is the processor time that the server spends in a window, the kernel's for it included, divided by the
calls answered in it: it does not fall when the load is the slower of the two. The server has core 0 and the load core 1. The load is
that of `dev/bench rpc`, which begins to call when the server has taken all connections, and compares every answer.
Needs a hard limit of open files (`ulimit -Hn`) of 11,000; the soft one is raised.
"""

import argparse
import json
import pathlib
import statistics
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass

from bench.halting import polling
from bench.load import Load, generated
from bench.results import Count, Row, at_most
from bench.series import Series
from bench.stacks import SERVER_CORE, need_two_cores, pinned
from bench_load import UNARY, serving
from bench_machine import description
from bench_memory import STREAMS_PER_CONNECTION, IdleConnection, allow_descriptors, memory_of_one, source

MOST_CONNECTIONS = 10_000
# The server's limit is 10,000, and the load has eight of its own.
MOST_IDLE = MOST_CONNECTIONS - 8
MAX_RATIO, MAX_CONNECTION_KIB, MAX_STREAM_KIB = 1.3, 16, 4
# With a call on each of 10,000 connections, one of them waits for about half a second.
WARM_UP_SECONDS = 1
# Parts of the measured time, each of which has a value of its own.
WINDOWS = 3


@dataclass(frozen=True)
class Amounts:
    rounds: int
    seconds: float
    # Whether the numbers between the least and the most are measured, too.
    is_complete: bool
    memory_connections: int
    # Of policies.
    samples: int


FULL = Amounts(rounds=3, seconds=3, is_complete=True, memory_connections=5_000, samples=51)
QUICK = Amounts(rounds=2, seconds=1.5, is_complete=False, memory_connections=1_000, samples=11)


def memory(id: str, title: str, unit: str, most: float | None = None) -> Count:
    """What one of many takes, to be measured."""
    return Count(Row(id, title, unit, () if most is None else (at_most(most, unit),)), [])


def memory_line(count: Count) -> str:
    unit, target, verdict = count.row.unit, count.target or "", count.verdict or ""
    return f"| {count.row.title} | {statistics.median(count.values):,.1f} {unit} | {target} | {verdict} |"


class Bench:
    def __init__(self, server: str, policy_bench: str, generator: pathlib.Path, amounts: Amounts):
        self._server, self._policy_bench, self._generator, self._amounts = server, policy_bench, generator, amounts
        self._methods = Series("methods", "1 to 1,000 methods, calls spread over all", max_ratio=MAX_RATIO)
        self._streams = Series("streams", "1 to 10,000 calls in flight, up to 100 on a connection")
        self._busy = Series("connections", "1 to 10,000 connections, a call in flight on each", max_ratio=MAX_RATIO)
        self._idle = Series("idle-connections", "0 to 9,992 idle connections, beside 8 busy ones", max_ratio=MAX_RATIO)
        self._both = Series("methods-and-connections", "1,000 methods on 10,000 connections", max_ratio=MAX_RATIO)
        self._crowd = Series("methods-in-a-crowd", "1,000 methods, 10,000 connections, 8 busy", max_ratio=MAX_RATIO)
        self._keys = Series("keys", "1 to 100,000 keys, of a rate limiter that knows them all", "ns per acquisition")
        self.series = [self._methods, self._streams, self._busy, self._idle, self._both, self._crowd, self._keys]
        self._connection = memory("idle-connection", "idle connection", "KiB", MAX_CONNECTION_KIB)
        self._stream = memory("idle-stream", "open idle stream, its handler waiting", "KiB", MAX_STREAM_KIB)
        self._policies = {
            "breaker": memory("memory-breaker", "circuit breaker", "bytes"),
            "limiter": memory("memory-limiter", "rate limiter", "bytes"),
            "limiter key": memory("memory-limiter-key", "key of a keyed rate limiter", "bytes"),
            "bulkhead": memory("memory-bulkhead", "bulkhead", "bytes"),
            "retry": memory("memory-retry", "retry", "bytes"),
        }
        self.memory = [self._connection, self._stream, *self._policies.values()]

    def round(self) -> None:
        for methods in self._chosen(1, 10, 100, 1_000):
            self._add(self._methods, methods, Load(connections=8, streams=32, methods=methods))
        for calls in self._chosen(1, 10, 100, 1_000, 10_000):
            connections = max(1, calls // STREAMS_PER_CONNECTION)
            self._add(self._streams, calls, Load(connections=connections, streams=calls // connections))
        for connections in self._chosen(1, 10, 100, 1_000, MOST_CONNECTIONS):
            self._add(self._busy, connections, Load(connections=connections))
        for idle in self._chosen(0, 100, 1_000, MOST_IDLE):
            self._add(self._idle, idle, Load(connections=8, streams=32), idle)
        # The least of both was measured a moment ago: with one call in flight, and with as many as the crowd's busy ones.
        self._both.values["1 and 1"] += self._busy.values["1"][-WINDOWS:]
        self._add(self._both, f"1,000 and {MOST_CONNECTIONS:,}", Load(connections=MOST_CONNECTIONS, methods=1_000))
        self._crowd.values["1 and 8"] += self._methods.values["1"][-WINDOWS:]
        most = Load(connections=8, streams=32, methods=1_000)
        self._add(self._crowd, f"1,000 and {MOST_CONNECTIONS:,}", most, MOST_IDLE)
        self._measure_memory()
        self._measure_policies()

    def _chosen(self, *numbers: int) -> Sequence[int]:
        return numbers if self._amounts.is_complete else (numbers[0], numbers[-1])

    def _add(self, series: Series, at: int | str, load: Load, idle: int = 0) -> None:
        label = at if isinstance(at, str) else f"{at:,}"
        print(f"  {series.title}: {label}", file=sys.stderr)
        with serving(pinned(SERVER_CORE, self._command(load.methods))) as server:
            others = [IdleConnection(server.port, source(number), path=UNARY) for number in range(idle)]
            process, seconds = server.process.pid, self._amounts.seconds
            report = generated(
                self._generator, load, server.port, seconds, WARM_UP_SECONDS, server=process, windows=WINDOWS
            )
            for other in others:
                other.socket.close()
        series.values[label] += report["server_microseconds_per_message"]

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
        for name, count in self._policies.items():
            count.values.append(report["bytes"][name])


def main() -> None:
    parser = argparse.ArgumentParser(prog="dev/bench scale")
    for program in ("--server", "--policy-bench", "--generator"):
        parser.add_argument(program, required=True, help=argparse.SUPPRESS)
    parser.add_argument("--quick", action="store_true", help="the least and the most alone: about two minutes")
    parser.add_argument("--rounds", type=int, help=f"rounds of everything (default {FULL.rounds}, or {QUICK.rounds})")
    parser.add_argument("--json", type=pathlib.Path, help="write everything to this file, too")
    options = parser.parse_args()
    need_two_cores()
    allow_descriptors(MOST_CONNECTIONS)
    amounts = QUICK if options.quick else FULL
    rounds = options.rounds or amounts.rounds
    bench = Bench(options.server, options.policy_bench, pathlib.Path(options.generator), amounts)
    with polling() as halting:
        for number in range(1, rounds + 1):
            print(f"round {number} of {rounds}", file=sys.stderr)
            bench.round()
    print(halting)
    for series in bench.series:
        print("\n".join(series.lines()))
    print("\nMemory of one\n\n| | median | target | |\n|---|---|---|---|")
    for count in bench.memory:
        print(memory_line(count))
    if options.json:
        rows = [each.row() for each in bench.series] + [each.fields for each in bench.memory]
        amount = {"quick": options.quick, "rounds": rounds, "seconds": amounts.seconds}
        settings = amount | {"halting": str(halting)}
        options.json.write_text(json.dumps({**description(settings), "scale": rows}, indent=2) + "\n")


if __name__ == "__main__":
    main()
