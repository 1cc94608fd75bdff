"""Runs the policies and their equals in Go in turn, round by round, and prints medians, ratios and targets."""

import argparse
import json
import pathlib
import statistics
import subprocess
import sys
from collections.abc import Callable

from bench.halting import polling
from bench.results import Count, Result, Row, at_most
from bench.stacks import OURS
from bench_machine import description

GO = "Go"
# Nanoseconds, or what the column says; from the figures that the library was made to meet.
STACK_MEDIAN, STACK_P99, LIMITER, OPEN_REJECTION = 120, 1000, 45, 40
LARGEST_LOSS = 40
STATS_OF_1000 = 1_000_000
BREAKER_BYTES = 1024
# The rows whose loss with every core is judged; that of the others is shown.
JUDGED = ["breaker", "breaker permit", "breaker open", "limiter", "limiter half", "bulkhead", "stack"]
ORDER = [
    "breaker",
    "breaker permit",
    "breaker open",
    "limiter",
    "limiter half",
    "limiter, 16",
    "limiter refusal",
    "keyed limiter",
    "bulkhead",
    "retry",
    "retry, budget",
    "timeout, none",
    "stack",
    "stack, retry",
    "stack, full",
]


def run(command: list[str]) -> dict:
    result = subprocess.run(command, capture_output=True, text=True, stdin=subprocess.DEVNULL)
    if result.returncode != 0:
        sys.exit(f"{' '.join(command)} ended with {result.returncode}:\n{result.stdout}{result.stderr}")
    return json.loads(result.stdout)


def median(values: list[float]) -> float:
    return statistics.median(values)


def beside_go(ours: list[dict], theirs: list[dict]) -> list[Result]:
    """Operations that both have, alone: nanoseconds, round by round."""
    shared = [name for name in ORDER if theirs and name in theirs[0]]
    return [
        Result(
            Row(f"policy {name}", f"policy: {name}, alone", "ns", rival=GO),
            {OURS: [each["operations"][name]["alone"] for each in ours], GO: [each[name]["alone"] for each in theirs]},
        )
        for name in shared
    ]


def judged(ours: list[dict]) -> list[Count]:
    """What has a target, round by round."""

    def count(title: str, unit: str, limit: float, of: Callable[[dict], float]) -> Count:
        return Count(Row(f"policy target: {title}", title, unit, (at_most(limit, unit),)), [of(each) for each in ours])

    def alone(name: str) -> Callable[[dict], float]:
        return lambda each: each["operations"][name]["alone"]

    def allocations(each: dict) -> float:
        return max(each["operations"][name]["allocationsPerThousand"] for name in ORDER)

    return [
        count("stack of policies, median of loops", "ns", STACK_MEDIAN, alone("stack")),
        count("stack of policies, calls timed singly, p99", "ns", STACK_P99, lambda each: each["stackP99"]),
        count("limiter with its clock read", "ns", LIMITER, alone("limiter")),
        count("rejection by an open circuit", "ns", OPEN_REJECTION, alone("breaker open")),
        count("largest loss of a policy with every core", "%", LARGEST_LOSS, largest_loss),
        count("allocations of 1,000 operations of policies", "of 1,000", 0, allocations),
        count("stats of 10 components", "ns", STATS_OF_1000, lambda each: each["statsOf10"]),
        count("stats of 1,000 components", "ns", STATS_OF_1000, lambda each: each["statsOf1000"]),
        count("breaker with 10 buckets", "bytes", BREAKER_BYTES, lambda each: each["bytes"]["breaker"]),
    ]


def largest_loss(each: dict) -> float:
    return max(loss(each["operations"][name]) for name in JUDGED)


def loss(operation: dict) -> float:
    """Of its rate, in percent, when every core does it to the same policy."""
    return 100 * (1 - operation["alone"] / operation["contended"])


def main() -> None:
    parser = argparse.ArgumentParser(prog="dev/bench policies", description=__doc__)
    parser.add_argument("--ours", required=True, help=argparse.SUPPRESS)
    parser.add_argument("--go", help=argparse.SUPPRESS)
    parser.add_argument("--quick", action="store_true", help="rounds of 11 samples")
    parser.add_argument("--rounds", type=int, help="rounds of everything (default 3)")
    parser.add_argument("--samples", type=int, help="samples in a round, whose median counts (default 101)")
    parser.add_argument("--json", type=pathlib.Path, metavar="FILE", help="write what was measured there, too")
    options = parser.parse_args()
    options.rounds = options.rounds or 3
    options.samples = options.samples or (11 if options.quick else 101)

    ours, theirs = [], []
    with polling() as halting:
        for _ in range(options.rounds):
            ours.append(run([options.ours, "--samples", str(options.samples)]))
            if options.go:
                theirs.append(run([options.go, "--samples", str(options.samples)]))

    operations = {}
    for name in ORDER:
        alone = median([each["operations"][name]["alone"] for each in ours])
        contended = median([each["operations"][name]["contended"] for each in ours])
        row = {
            "alone": alone,
            "contended": contended,
            "lossPercent": median([loss(each["operations"][name]) for each in ours]),
            "allocationsPerThousand": max(each["operations"][name]["allocationsPerThousand"] for each in ours),
        }
        if theirs and name in theirs[0]:
            row["go"] = median([each[name]["alone"] for each in theirs])
            row["goContended"] = median([each[name]["contended"] for each in theirs])
        operations[name] = row
    report = {
        "rounds": options.rounds,
        "operations": operations,
        "stackMedian": median([each["stackMedian"] for each in ours]),
        "stackP99": median([each["stackP99"] for each in ours]),
        "statsOf10": median([each["statsOf10"] for each in ours]),
        "statsOf1000": median([each["statsOf1000"] for each in ours]),
        "jsonOf1000": median([each["jsonOf1000"] for each in ours]),
        "bytes": ours[-1]["bytes"],
    }
    targets = judged(ours)
    if options.json:
        report["rows"] = [each.fields for each in beside_go(ours, theirs) + targets]
        settings = {"rounds": options.rounds, "samples": options.samples, "halting": str(halting)}
        options.json.write_text(json.dumps(description(settings) | report, indent=1) + "\n")

    print(halting)
    print(f"nanoseconds per operation and core, medians of {options.rounds} rounds taken in turn with Go")
    print("allocations are those of a single task; those of contended ones are not counted")
    print("Go with every core means something only on a machine that does nothing else")
    print("                   alone   each core   loss    allocations/1000      Go   Go each core")
    for name, row in operations.items():
        go = f"{row['go']:8.1f} {row['goContended']:14.1f}" if "go" in row else ""
        print(
            f"{name:15} {row['alone']:8.1f} {row['contended']:11.1f} {row['lossPercent']:5.0f} %"
            f" {row['allocationsPerThousand']:19.0f} {go}"
        )
    print()
    print("against the targets")
    worst = max(JUDGED, key=lambda name: operations[name]["lossPercent"])
    worst_of_all = max(operations, key=lambda name: operations[name]["lossPercent"])
    for count in targets:
        print(f"{count.row.title:44} {median(count.values):10.0f}   {count.target!s:22} {count.verdict}")
    print(f"largest loss of the judged rows: {worst}, {operations[worst]['lossPercent']:.0f} %")
    print(f"largest loss of all rows: {worst_of_all}, {operations[worst_of_all]['lossPercent']:.0f} %")
    print(f"JSON of the stats of 1,000 components: {report['jsonOf1000']:,.0f} ns")
    # The clock's own ordering of instructions keeps a call that is timed singly from overlapping with anything.
    print(f"stack, calls timed singly, median: {report['stackMedian']:.0f} ns")
    print("bytes of one:", ", ".join(f"{name} {count:,}" for name, count in sorted(report["bytes"].items())))


if __name__ == "__main__":
    main()
