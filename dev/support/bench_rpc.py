"""Servers and clients beside their rivals, one on core 0 and its load on core 1: figures, ratios, targets, verdicts."""

import argparse
import contextlib
import json
import pathlib
import re
import sys
from collections import defaultdict
from collections.abc import Sequence

from bench import report
from bench.company import Company
from bench.halting import polling
from bench.load import WINDOW_BITS, files
from bench.results import Result
from bench.rows import Bench, Latency, Measurement, measurements
from bench.stacks import (
    CEILING,
    CPP,
    CPP_LINKED_IN,
    GO,
    LOAD_CORE,
    OURS,
    POLICIES,
    SERVER_CORE,
    SERVER_SETTINGS,
    SWIFT,
    Stack,
    allow_many_connections,
    need_two_cores,
)
from bench_machine import description, first_line

# Above it, it is rather the load that was measured.
BUSIEST = 0.9


def stacks(options: argparse.Namespace, folder: pathlib.Path) -> dict[str, Stack]:
    server, client = f"{options.ours}/bench-server", f"{options.ours}/bench-client"
    threads = {"one_core": ["--threads", "1"], "two_cores": ["--threads", "2"]}
    return {
        stack.name: stack
        for stack in (
            Stack(OURS, [server], [client], **threads),
            Stack(CPP, [f"{options.peers}/grpc-cpp/.build/server"], [f"{options.peers}/grpc-cpp/.build/client"]),
            Stack(CPP_LINKED_IN, [f"{options.peers}/grpc-cpp/.build/server-linked-in"]),
            Stack(SWIFT, [f"{options.swift}/peer", "server"], [f"{options.swift}/peer", "client"]),
            Stack(GO, [f"{options.peers}/grpc-go/.build/server"]),
            Stack(CEILING, ["nghttpd", "--no-tls", "-n1", "-d", str(folder)]),
            Stack(POLICIES, [server, "--policies", "all"], **threads),
        )
    }


def versions(peers: pathlib.Path) -> dict[str, str]:
    manifest = (peers / "swift-peer/Package.swift").read_text()
    pinned = re.search(r'grpc-swift-2", exact: "([^"]+)".*nio-transport", exact: "([^"]+)"', manifest, re.DOTALL)
    return {
        CPP: first_line("pkg-config", "--modversion", "grpc++"),
        SWIFT: f"{pinned[1]} with NIO transport {pinned[2]}",
        GO: first_line("dpkg-query", "-W", "-f", "${Version}", "golang-google-grpc-dev"),
        "Go": first_line("go", "version").removeprefix("go version "),
        CEILING: first_line("nghttpd", "--version").removeprefix("nghttpd nghttp2/"),
    }


def parsed() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="dev/bench rpc", description=__doc__)
    for directory in ("--ours", "--swift", "--peers"):
        parser.add_argument(directory, required=True, type=pathlib.Path, help=argparse.SUPPRESS)
    parser.add_argument("--quick", action="store_true", help="three rounds of less than a second: about five minutes")
    parser.add_argument("--rounds", type=int, help="rounds of everything (default 5)")
    parser.add_argument("--seconds", type=float, help="seconds of each measurement (default 2)")
    parser.add_argument("--only", default="", metavar="REGEX", help="the rows whose id matches, and what they rest on")
    parser.add_argument("--json", type=pathlib.Path, metavar="FILE", help="write every value there, too")
    options = parser.parse_args()
    options.rounds = options.rounds or (3 if options.quick else 5)
    options.seconds = options.seconds or (0.5 if options.quick else 2)
    return options


def run(
    chosen: Sequence[Measurement], programs: dict[str, Stack], bench: Bench, rounds: int, company: Company
) -> tuple[list[Result], dict[tuple[str, float], list[Latency]]]:
    """Everything once in each round, in turn, and every other round in the opposite order."""
    values: dict[str, dict[str, list[float]]] = defaultdict(lambda: defaultdict(list))
    latencies: dict[tuple[str, float], list[Latency]] = defaultdict(list)
    for number in range(rounds):
        print(f"round {number + 1} of {rounds}", file=sys.stderr)
        for measurement in chosen:
            for name in measurement.stacks[:: -1 if number % 2 else 1]:
                own = bench.halting.own() if measurement.is_halting else contextlib.nullcontext()
                with own, company.watched():
                    sample = measurement.run(bench, programs[name])
                for row, value in sample.values.items():
                    values[row][name].append(value)
                    bench.latest[row, name] = value
                if sample.latency is not None:
                    latencies[name, sample.latency.share].append(sample.latency)
                if sample.busy > BUSIEST:
                    bench.notes.add(f"{measurement.rows[0].id}, {name}: the load's core was busy, and may be the limit")
    rows = [row for measurement in chosen for row in measurement.rows]
    return [Result(row, values[row.id]) for row in rows], latencies


def main() -> None:
    options = parsed()
    need_two_cores()
    allow_many_connections()
    company = Company()
    with polling() as halting, files() as made:
        chosen = measurements(re.compile(options.only), options.quick, halting)
        if not chosen:
            sys.exit(f"no row has an id that matches {options.only!r}")
        generator, warm_up = options.peers / "load/.build/load", min(0.5, options.seconds / 2)
        bench = Bench(generator, made, options.seconds, warm_up, halting)
        results, samples = run(chosen, stacks(options, made.folder), bench, options.rounds, company)
    settings = {
        "rounds": options.rounds,
        "seconds": bench.seconds,
        "warm-up seconds": bench.warm_up,
        "servers": SERVER_SETTINGS | {"core": SERVER_CORE},
        "load": {"window bytes": (1 << WINDOW_BITS) - 1, "core": LOAD_CORE},
        "halting": str(halting),
        "share of the cores that others took": company.fields,
    }
    head = description(settings)
    head["versions"] |= versions(options.peers)
    latency = report.latencies(samples)
    print(f"{report.heading(head)}\n{halting}\n{company}")
    print("\n" + report.figures(results, (OURS, CPP, SWIFT, GO, CEILING)) + "\n\n" + report.verdicts(results))
    if latency:
        print("\n" + report.latency_table(latency))
    for note in sorted(bench.notes):
        print(f"\nnote: {note}")
    if options.json:
        found = {"rows": [result.fields for result in results], "latency": latency, "notes": sorted(bench.notes)}
        options.json.write_text(json.dumps(head | found, indent=1) + "\n")


if __name__ == "__main__":
    main()
