"""What policies before every call cost a server, and what a flood of refused calls costs the calls beside it."""

import argparse
import json
import statistics
import sys
from collections import defaultdict

from bench.load import files, h2load
from bench.stacks import LOAD_CORE, OURS, Stack, need_two_cores, output, pinned, serving

IN_FLIGHT = 32
FLOODS = [0, IN_FLIGHT, 2 * IN_FLIGHT]


def stream_latency(stack: Stack, port: int, flood: int, seconds: float) -> tuple[float, float]:
    """The p99 in microseconds of calls that are let in, and how many others a second are refused beside them."""
    options = ["--target", f"127.0.0.1:{port}", "--kind", "server-stream", "--messages", "1", "--json"]
    options += ["--concurrency", str(IN_FLIGHT), "--flood", str(flood), "--seconds", str(seconds)]
    report = json.loads(output(pinned(LOAD_CORE, stack.client + options)))
    return report["latency_microseconds"]["p99"], report.get("refusals_per_second", 0)


def main() -> None:
    parser = argparse.ArgumentParser(prog="dev/bench gates")
    parser.add_argument("--ours", required=True, help=argparse.SUPPRESS)
    parser.add_argument("--rounds", type=int, default=5, help="rounds of everything (default 5)")
    parser.add_argument("--seconds", type=float, default=2, help="seconds of each measurement (default 2)")
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

    def ratio(one: str, other: str) -> float:
        """The median of what each round says, since a machine that slows down slows both of a round."""
        return statistics.median(a / b for a, b in zip(rates[one], rates[other], strict=True))

    print("\nh2load, 8 connections x 32 streams, 100-byte unary, one core each\n")
    print("| policies | calls/s, median | lowest to highest |\n|---|---|---|")
    for choice, values in rates.items():
        print(f"| {choice} | {statistics.median(values):,.0f} | {min(values):,.0f} to {max(values):,.0f} |")
    quiet = statistics.median(latencies[0])
    print(f"\n{IN_FLIGHT} calls in flight that are let in, and a flood on the same connection\n")
    print("| refused calls in flight | refused/s | p99 of the others, us | to quiet |\n|---|---|---|---|")
    for flood, values in latencies.items():
        p99 = statistics.median(values)
        print(f"| {flood} | {statistics.median(refusals[flood]):,.0f} | {p99:,.0f} | {p99 / quiet:.2f}x |")
    print("\nagainst the targets")
    flooded = statistics.median(latencies[IN_FLIGHT])
    for what, value, least, most in [
        ("rate with all policies, of none", ratio("all", "none"), 0.9, None),
        ("rate of refusing, of answering", ratio("closed", "all"), 1.5, None),
        ("p99 beside as many refused, of quiet", flooded / quiet, None, 2),
    ]:
        is_met = (least is None or value >= least) and (most is None or value <= most)
        bound = f"at least {least}" if most is None else f"at most {most}"
        print(f"{what:40} {value:6.2f}   {bound:14} {'met' if is_met else 'MISSED'}")


main()
