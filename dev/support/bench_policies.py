"""Runs the policies and their equals in Go in turn, round by round, and prints medians, ratios and targets."""

import argparse
import json
import pathlib
import statistics
import subprocess
import sys

from bench_machine import description

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


def verdict(value: float, limit: float) -> str:
    return "met" if value <= limit else "MISSED"


def main() -> None:
    parser = argparse.ArgumentParser(prog="dev/bench policies", description=__doc__)
    parser.add_argument("--ours", required=True, help=argparse.SUPPRESS)
    parser.add_argument("--go", help=argparse.SUPPRESS)
    parser.add_argument("--quick", action="store_true", help="one round of 31 samples")
    parser.add_argument("--rounds", type=int, help="rounds of everything (default 3)")
    parser.add_argument("--samples", type=int, help="samples in a round, whose median counts (default 101)")
    parser.add_argument("--json", type=pathlib.Path, metavar="FILE", help="write what was measured there, too")
    options = parser.parse_args()
    options.rounds = options.rounds or (1 if options.quick else 3)
    options.samples = options.samples or (31 if options.quick else 101)

    ours, theirs = [], []
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
            "lossPercent": median(
                [
                    100 * (1 - each["operations"][name]["alone"] / each["operations"][name]["contended"])
                    for each in ours
                ]
            ),
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
    if options.json:
        settings = {"rounds": options.rounds, "samples": options.samples}
        options.json.write_text(json.dumps(description(settings) | report, indent=1) + "\n")

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
    targets = [
        ("stack, median of loops, ns", operations["stack"]["alone"], STACK_MEDIAN),
        ("stack, calls timed singly, p99 ns", report["stackP99"], STACK_P99),
        ("limiter with its clock read, ns", operations["limiter"]["alone"], LIMITER),
        ("rejection by an open circuit, ns", operations["breaker open"]["alone"], OPEN_REJECTION),
        ("largest loss with every core, %", operations[worst]["lossPercent"], LARGEST_LOSS),
        ("allocations, waiting for nothing", max(row["allocationsPerThousand"] for row in operations.values()), 0),
        ("stats of 10 components, ns", report["statsOf10"], STATS_OF_1000),
        ("stats of 1,000 components, ns", report["statsOf1000"], STATS_OF_1000),
        ("bytes of a breaker with 10 buckets", report["bytes"]["breaker"], BREAKER_BYTES),
    ]
    for name, value, limit in targets:
        print(f"{name:36} {value:10.0f}   at most {limit:9,}   {verdict(value, limit)}")
    print(f"largest loss of the judged rows: {worst}, {operations[worst]['lossPercent']:.0f} %")
    print(f"largest loss of all rows: {worst_of_all}, {operations[worst_of_all]['lossPercent']:.0f} %")
    print(f"JSON of the stats of 1,000 components: {report['jsonOf1000']:,.0f} ns")
    # The clock's own ordering of instructions keeps a call that is timed singly from overlapping with anything.
    print(f"stack, calls timed singly, median: {report['stackMedian']:.0f} ns")
    print("bytes of one:", ", ".join(f"{name} {count:,}" for name, count in sorted(report["bytes"].items())))


main()
