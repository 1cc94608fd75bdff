"""Every suite with a target, one after the other: the tables of each, then one of all targets, and one file."""

import argparse
import json
import pathlib
import shlex
import subprocess
import sys
import tempfile
import time

from bench.company import MOST
from bench.figures import KINDS, Figure, figures, table
from bench.halting import polling

# What each suite says for itself; the rest of its file stands under its name.
LISTS = (*KINDS, "latency", "notes")
SHARED = ("machine", "date", "versions", "settings", *LISTS)
# Counts have no rounds, and two runs show how far they can be trusted.
EXTRA = {"counts": ["--runs", "2"]}
# How long a suite may take to stop its servers. Signals are ignored meanwhile, so nobody else ends a wait for one that hangs.
ENDING_SECONDS = 20


def merged(suites: dict[str, dict], seconds: dict[str, float]) -> dict:
    """One file in the form of a single suite's: rows after rows, settings by suite."""
    first = next(iter(suites.values()))
    lists = {key: [row for suite in suites.values() for row in suite.get(key, [])] for key in LISTS}
    return {
        "machine": first["machine"],
        "date": first["date"],
        "versions": {name: version for suite in suites.values() for name, version in suite["versions"].items()},
        "settings": {name: suite["settings"] for name, suite in suites.items()},
        "seconds": seconds,
        **lists,
        "suites": {
            name: {key: value for key, value in suite.items() if key not in SHARED} for name, suite in suites.items()
        },
    }


def summary(judged: list[Figure]) -> str:
    missed = [each.name for each in judged if each.verdict != "met"]
    lines = [f"{len(judged) - len(missed)} of {len(judged)} targets are met"]
    return "\n".join(lines + [f"missed: {name}" for name in missed])


def disturbance(report: dict) -> str:
    """What forbids to quote the figures, if anything does."""
    shares = report["settings"].get("rpc", {}).get("share of the cores that others took", {"median": 0})
    return f"\nother programs took {shares['median']:.0%} of the cores meanwhile" if shares["median"] > MOST else ""


def times(seconds: dict[str, float]) -> str:
    """A Markdown table."""
    rows = [*seconds.items(), ("all", sum(seconds.values()))]
    return "\n".join(["| suite | took |", "|---|---:|", *(f"| {name} | {clock(each)} |" for name, each in rows)])


def code_of(command: list[str], ending_seconds: float = ENDING_SECONDS) -> int:
    """A suite's. When this program is to end, the suite is asked to, may stop its servers, and is killed if it hangs."""
    suite = subprocess.Popen(command, stdin=subprocess.DEVNULL)
    try:
        return suite.wait()
    finally:
        if suite.poll() is None:
            suite.terminate()
            try:
                suite.wait(ending_seconds)
            except subprocess.TimeoutExpired:
                suite.kill()
                suite.wait()


def clock(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes}:{rest:02} min"


def main() -> None:
    parser = argparse.ArgumentParser(prog="dev/bench all", description=__doc__)
    parser.add_argument("--suite", action="append", required=True, metavar="NAME=COMMAND", help=argparse.SUPPRESS)
    parser.add_argument("--quick", action="store_true", help="under twelve minutes, once everything is built")
    parser.add_argument("--json", type=pathlib.Path, metavar="FILE", help="write every value there, too")
    options = parser.parse_args()
    found, seconds, failures = {}, {}, []
    with polling() as halting, tempfile.TemporaryDirectory() as folder:
        print(halting)
        for suite in options.suite:
            name, _, command = suite.partition("=")
            print(f"\n## {name}\n", flush=True)
            file = pathlib.Path(folder) / name
            choices = ["--json", str(file), *EXTRA.get(name, []), *(["--quick"] if options.quick else [])]
            start = time.monotonic()
            code = code_of([*shlex.split(command), *choices])
            seconds[name] = time.monotonic() - start
            if code != 0:
                failures.append(f"dev/bench {name} ended with {code}")
            # One that only missed a limit has written its figures all the same.
            if file.exists():
                found[name] = json.loads(file.read_text())
    if not found:
        sys.exit("\n".join(failures))
    report = merged(found, seconds)
    if options.json:
        options.json.write_text(json.dumps(report, indent=1) + "\n")
    judged = [each for each in figures(report) if each.target is not None]
    print(f"\n## All targets\n\n{table(judged)}\n\n{summary(judged)}{disturbance(report)}\n\n{times(seconds)}")
    sys.exit("\n".join(failures) or 0)


if __name__ == "__main__":
    main()
