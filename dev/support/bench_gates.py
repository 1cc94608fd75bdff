"""What policies before every call cost a server, and what a flood of refused calls costs the calls beside it."""

import argparse
import json
import pathlib
import statistics
import sys
from collections import defaultdict

from bench import report
from bench.load import files, h2load
from bench.results import Result, Row, Target
from bench.stacks import LOAD_CORE, OURS, Stack, need_two_cores, output, pinned, serving
from bench_machine import description

IN_FLIGHT = 32
FLOODS = [0, IN_FLIGHT, 2 * IN_FLIGHT]


def stream_latency(stack: Stack, port: int, flood: int, seconds: float) -> tuple[float, float]:
    """The p99 in microseconds of calls that are let in, and how many others a second are refused beside them."""
    options = ["--target", f"127.0.0.1:{port}", "--kind", "server-stream", "--messages", "1", "--json"]
    options += ["--concurrency", str(IN_FLIGHT), "--flood", str(flood), "--seconds", str(seconds)]
    found = json.loads(output(pinned(LOAD_CORE, stack.client + options)))
    return found["latency_microseconds"]["p99"], found.get("refusals_per_second", 0)


def main() -> None:
    parser = argparse.ArgumentParser(prog="dev/bench gates")
    parser.add_argument("--ours", required=True, help=argparse.SUPPRESS)
    parser.add_argument("--rounds", type=int, default=5, help="rounds of everything (default 5)")
    parser.add_argument("--seconds", type=float, default=2, help="seconds of each measurement (default 2)")
    parser.add_argument("--json", type=pathlib.Path, metavar="FILE", help="write every value there, too")
    options = parser.parse_args()
    need_two_cores()

    client = [f"{options.ours}/bench-client"]
    server = [f"{options.ours}/bench-server", "--threads", "1", "--policies"]
    stacks = {choice: Stack(OURS, [*server, choice], client) for choice in ("none", "all", "closed")}
    rates: dict[str, list[float]] = defaultdict(list)
    latencies: dict[int, list[float]] = defaultdict(list)
    refusals: dict[int, list[float]] = defaultdict(list)
    with files() as made:
        for number in range(1, options.rounds + 1):
            print(f"round {number} of {options.rounds}", file=sys.stderr)
            for choice, stack in stacks.items():
                with serving(stack) as port:
                    is_refused, warm_up = choice == "closed", options.seconds / 4
                    rate = h2load(stack, port, made, options.seconds, warm_up, is_refused=is_refused)
                    rates[choice].append(rate.per_second)
            for flood in FLOODS:
                with serving(stacks["closed"]) as port:
                    latency, refused = stream_latency(stacks["closed"], port, flood, options.seconds)
                    latencies[flood].append(latency)
                    refusals[flood].append(refused)

    results = judged(rates, latencies)
    print("\nh2load, 8 connections x 32 streams, 100-byte unary, one core each\n")
    print("| policies | calls/s, median | lowest to highest |\n|---|---|---|")
    for choice, values in rates.items():
        print(f"| {choice} | {statistics.median(values):,.0f} | {min(values):,.0f} to {max(values):,.0f} |")
    print(f"\n{IN_FLIGHT} calls in flight that are let in, and a flood on the same connection\n")
    print("| refused calls in flight | refused/s | p99 of the others, us |\n|---|---|---|")
    for flood, values in latencies.items():
        print(f"| {flood} | {statistics.median(refusals[flood]):,.0f} | {statistics.median(values):,.0f} |")
    print(f"\n{report.verdicts(results)}")
    if options.json:
        head = description({"rounds": options.rounds, "seconds": options.seconds})
        options.json.write_text(json.dumps(head | {"rows": [each.fields for each in results]}, indent=1) + "\n")


def judged(rates: dict[str, list[float]], latencies: dict[int, list[float]]) -> list[Result]:
    """Ratios round by round, since a machine that slows down slows both of a round."""
    flooded, quiet = f"beside {IN_FLIGHT} refused", "quiet"
    p99 = {quiet: latencies[0], flooded: latencies[IN_FLIGHT]}
    return [
        Result(Row("gates-all", "calls with every policy", "calls/s", (Target("none", 0.92),), subject="all"), rates),
        Result(
            Row("gates-closed", "calls that a limiter refuses", "calls/s", (Target("all", 1.5),), subject="closed"),
            rates,
        ),
        Result(
            Row(
                "gates-flood",
                f"p99 of {IN_FLIGHT} calls in flight beside as many that are refused",
                "us",
                (Target(quiet, 2, is_upper=True),),
                subject=flooded,
            ),
            p99,
        ),
    ]


if __name__ == "__main__":
    main()
