"""dev/bench counts: what a call costs in counts, which a busy machine does not change, against committed limits.

Allocations, system calls and instructions of a 100-byte unary call, on the server with no policies and with all, and in
the client. Each is the difference between many calls and few on the same programs, so that start-up, connections and
first uses do not count. Beside them the memory of the server's idle connections and streams, in KiB. A count above its limit in Benchmarks/thresholds.json fails the run; a target that is not yet met
does not. `--accept` makes today's counts the limits.
"""

import argparse
import contextlib
import json
import pathlib
import re
import shutil
import signal
import struct
import subprocess
import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass

from bench import callgrind, steps
from bench.callgrind import Profile
from bench.page import fill
from bench.results import Count, Row, at_most
from bench.signals import unwinding
from bench_load import Running, client_calls, h2load, serving, unary_body
from bench_machine import description
from bench_memory import memory_of_one

ROOT = pathlib.Path(__file__).resolve().parents[2]
THRESHOLDS = ROOT / "Benchmarks/thresholds.json"
CALL_PATH = ROOT / "Sources/BulwarkTransport/BulwarkTransport.docc/CallPath.md"
POLICIES = ("none", "all")
PER_CALL = "per call"
IN_POLICIES = "server allocations in policies"
# What is measured of a connection and a stream and not of a call.
KIB = "KiB of the server per "


@dataclass(frozen=True)
class Amounts:
    """How much is done to count; more gives more digits, not another value."""

    calls: int
    calls_traced: int
    calls_simulated: int
    client_seconds: float
    client_seconds_simulated: float
    idle_connections: int


FULL = Amounts(100_000, 60_000, 4_000, 3, 12, 5_000)
QUICK = Amounts(20_000, 20_000, 2_000, 2, 6, 1_000)
# What comes first, and is taken off: the share of everything that the few calls are.
FEW = 0.25


class Bench:
    """The programs, and the tools around them."""

    def __init__(self, release: pathlib.Path, preload: pathlib.Path, folder: pathlib.Path, body: pathlib.Path):
        self._release, self._preload, self._folder, self._body = release, preload, folder, body

    def allocations(self, policies: str, calls: int) -> float:
        with (
            self._counted_allocations() as (environment, count),
            serving(self._server(policies), environment) as server,
        ):

            def measure(calls: int) -> int:
                before = count()
                h2load(server.port, self._body, calls)
                return count() - before

            return per_call(measure, calls)

    def client_allocations(self, seconds: float) -> float:
        with serving(self._server("none")) as server:

            def measure(seconds: float) -> tuple[int, int]:
                with self._counted_allocations() as (environment, count):
                    calls = client_calls([str(self._release / "bench-client")], server.port, seconds, environment)
                    return count(), calls

            (first, few), (second, many) = measure(seconds * FEW), measure(seconds * (1 + FEW))
            return (second - first) / (many - few)

    def system_calls(self, policies: str, calls: int) -> float:
        with serving(self._server(policies)) as server:
            return per_call(lambda calls: self._traced(server, calls), calls)

    def profile(self, policies: str, calls: int) -> Profile:
        """What the server computes for a call, by function."""

        def measure(calls: int) -> Profile:
            file = self._folder / "server.callgrind"
            command, environment = self._simulated(file, *self._server(policies))
            with serving(command, environment) as server:
                h2load(server.port, self._body, calls)
                server.stop()
            return callgrind.read(file)

        few = int(calls * FEW)
        first = measure(few)
        return measure(few + calls).less(first, calls)

    def client_profile(self, seconds: float) -> Profile:
        """What the client computes for a call, by function."""
        file = self._folder / "client.callgrind"
        command, environment = self._simulated(file, str(self._release / "bench-client"))
        with serving(self._server("none")) as server:

            def measure(seconds: float) -> tuple[Profile, int]:
                calls = client_calls(command, server.port, seconds, environment)
                return callgrind.read(file), calls

            (first, few), (second, many) = measure(seconds * FEW), measure(seconds * (1 + FEW))
            return second.less(first, many - few)

    def memory(self, connections: int) -> dict[str, float]:
        with serving(self._server("none")) as server:
            memory = memory_of_one(server, connections)
        return {KIB + "idle connection": memory.connection_kib, KIB + "open idle stream": memory.stream_kib}

    def _server(self, policies: str) -> list[str]:
        return [str(self._release / "bench-server"), "--threads", "1", "--policies", policies]

    @contextlib.contextmanager
    def _counted_allocations(self):
        """The environment in which a program counts its allocations, and a function that reads the count."""
        with tempfile.NamedTemporaryFile(dir=self._folder) as shared:
            shared.write(bytes(16))
            shared.flush()

            def count() -> int:
                return struct.unpack("=Q", pathlib.Path(shared.name).read_bytes()[:8])[0]

            yield {"LD_PRELOAD": str(self._preload / "allocations.so"), "BULWARK_ALLOCATIONS": shared.name}, count

    def _traced(self, server: Running, calls: int) -> int:
        """How many system calls the server makes while it answers so many."""
        summary = self._folder / "strace"
        strace = subprocess.Popen(
            ["strace", "-f", "-c", "-o", str(summary), "-p", str(server.process.pid)],
            stdin=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
        )
        try:
            if "attached" not in (line := strace.stderr.readline()):
                sys.exit(f"strace did not attach: {line}{strace.stderr.read()}")
            h2load(server.port, self._body, calls)
        finally:
            strace.send_signal(signal.SIGINT)
            strace.wait()
        # The last line has the totals: % time, seconds, usecs/call, calls.
        return int(summary.read_text().splitlines()[-1].split()[3])

    def _simulated(self, profile: pathlib.Path, program: str, *options: str) -> tuple[list[str], dict[str, str]]:
        """The command and the environment of a program whose instructions Valgrind counts."""
        # Valgrind 3.19 gives up on the debug information of Swift 6.
        stripped = self._folder / pathlib.Path(program).name
        subprocess.run(["strip", "--strip-debug", "-o", stripped, program], check=True)
        command = [
            "valgrind",
            "--tool=callgrind",
            "--quiet",
            f"--callgrind-out-file={profile}",
            str(stripped),
            *options,
        ]
        return command, {"LD_PRELOAD": str(self._preload / "sigsuspend.so")}


def per_call(measure: Callable[[int], int], calls: int) -> float:
    few = int(calls * FEW)
    first = measure(few)
    return (measure(few + calls) - first) / calls


def counts(bench: Bench, amounts: Amounts) -> dict[str, float]:
    values = {}
    for policies in POLICIES:
        values[f"server allocations, policies {policies}"] = bench.allocations(policies, amounts.calls)
        values[f"server system calls, policies {policies}"] = bench.system_calls(policies, amounts.calls_traced)
        values[f"server instructions, policies {policies}"] = bench.profile(policies, amounts.calls_simulated).total
    values["client allocations"] = bench.client_allocations(amounts.client_seconds)
    values["client instructions"] = bench.client_profile(amounts.client_seconds_simulated).total
    return values | bench.memory(amounts.idle_connections)


def steps_of_calls(bench: Bench, amounts: Amounts, date: str) -> dict[str, str]:
    """Markdown, as CallPath.md has a place for it."""
    parts = {
        "server-steps": (
            "on the server, with every policy on",
            bench.profile("all", amounts.calls_simulated),
            steps.SERVER,
        ),
        "client-steps": ("in the client", bench.client_profile(amounts.client_seconds_simulated), steps.CLIENT),
    }
    found = {}
    for name, (where, profile, chosen) in parts.items():
        functions = {*profile.own, *(function for edge in profile.calls for function in edge)}
        costs = steps.attributed(profile, steps.names(functions), chosen)
        head = (
            f"A 100-byte unary call {where}: {profile.total:,.0f} instructions (`dev/bench counts --steps`, on {date})."
        )
        found[name] = f"{head}\n\n{steps.table(costs, chosen)}\n\n{steps.sites(costs)}"
    return found


def allocations_in_policies(run: dict[str, float]) -> float:
    """To a tenth: of two counts, both of which differ from run to run by some hundredths."""
    first, second = (run[f"server allocations, policies {policies}"] for policies in POLICIES)
    return round(second - first, 1) + 0.0


def counted(title: str, values: list[float], target: float | None) -> Count:
    unit = "KiB" if title.startswith(KIB) else PER_CALL
    return Count(Row(title, title, unit, () if target is None else (at_most(target, unit),)), values)


def line(row: Count, limit: str) -> str:
    shown = " ".join(f"{value:,.4g}" if value < 1000 else f"{value:,.0f}" for value in row.values)
    return f"| {row.row.title} | {shown} | {limit} | {row.target or ''} | {row.verdict or ''} |"


def build_preloads(sources: pathlib.Path, folder: pathlib.Path) -> None:
    for source in sources.glob("*.c"):
        flags = ["-O2", "-Wall", "-Wextra", "-Werror", "-shared", "-fPIC"]
        subprocess.run(["gcc", *flags, "-o", folder / f"{source.stem}.so", source], check=True)


def limit_for(value: float, slack: float) -> float:
    """Today's count and its slack, in few digits."""
    limit = float(f"{value + slack:.3g}")
    return int(limit) if limit.is_integer() else limit


def main() -> None:
    parser = argparse.ArgumentParser(prog="dev/bench counts")
    parser.add_argument("--ours", required=True, type=pathlib.Path, help=argparse.SUPPRESS)
    parser.add_argument("--quick", action="store_true", help="fewer calls, as dev/test does")
    parser.add_argument("--runs", type=int, default=1, help="count everything so often (default 1)")
    parser.add_argument("--json", type=pathlib.Path, help="write everything to this file, too")
    parser.add_argument("--accept", action="store_true", help=f"make the counts the limits of {THRESHOLDS.name}")
    parser.add_argument("--steps", action="store_true", help="what each step of a call costs, and nothing else")
    parser.add_argument("--write", action="store_true", help=f"with --steps: into {CALL_PATH.name}")
    options = parser.parse_args()

    thresholds = json.loads(THRESHOLDS.read_text())
    runs = []
    with unwinding(), tempfile.TemporaryDirectory() as name, unary_body() as body:
        folder = pathlib.Path(name)
        build_preloads(THRESHOLDS.parent / "Preload", folder)
        bench = Bench(options.ours, folder, folder, body)
        amounts = QUICK if options.quick else FULL
        if options.steps:
            found = steps_of_calls(bench, amounts, description({})["date"])
            if options.write:
                fill(CALL_PATH, found)
            print("\n\n".join(found.values()))
            return
        for number in range(options.runs):
            print(f"run {number + 1} of {options.runs}", file=sys.stderr)
            runs.append(counts(bench, amounts))

    rows, failures = [], []
    print("| per 100-byte unary call, or as it says | counted | limit | target | |\n|---|---|---|---|---|")
    for title, bound in thresholds.items():
        values = [run[title] for run in runs]
        value = max(values)
        if options.accept:
            bound["limit"] = limit_for(value, bound["slack"])
        limit = bound["limit"]
        row = counted(title, values, bound.get("target"))
        rows.append(row.fields | {"limit": limit})
        print(line(row, f"{limit:,g}"))
        if value < limit - 2 * bound["slack"]:
            print(f"{title}: the limit is far above the count; `dev/bench counts --accept` lowers it", file=sys.stderr)
        if value > limit:
            failures.append(f"{title}: {value:,.4f}, and at most {limit:,g} are allowed ({THRESHOLDS.name})")
    row = counted(IN_POLICIES, [allocations_in_policies(run) for run in runs], 0)
    rows.append(row.fields)
    print(line(row, ""))
    if options.accept:
        THRESHOLDS.write_text(json.dumps(thresholds, indent=2) + "\n")
    if options.json:
        options.json.write_text(json.dumps({**description({"quick": options.quick}), "counts": rows}, indent=2) + "\n")
    # An empty text would be a failure, too.
    sys.exit("\n".join(failures) or 0)


if __name__ == "__main__":
    main()
