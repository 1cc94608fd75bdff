"""The tables of README.md and Benchmarks/README.md, written into them from what the suites have written with --json.

Each stands between two comments that name it. Files of single suites refresh their tables and leave the others; that of
`dev/bench all` refreshes them all. A figure of a later file replaces that of an earlier one.
"""

import argparse
import json
import pathlib
import statistics
import textwrap
from collections.abc import Mapping, Sequence

from bench.figures import Figure, figures, shown, table
from bench.page import fill
from bench.report import number
from bench.stacks import CEILING, CPP, GO, OURS, SWIFT

ROOT = pathlib.Path(__file__).resolve().parents[2]
PAGES = (ROOT / "README.md", ROOT / "Benchmarks/README.md")
STACKS = (OURS, CPP, SWIFT, GO, CEILING)
CALLS = (
    "unary-8x32",
    "tls-8x32",
    "policies",
    "unary-1x100",
    "unary-1000x1",
    "two-cores-8x32",
    "one-in-flight-p50",
    "one-in-flight-p99",
    "one-in-flight-halting-p50",
    "one-in-flight-halting-p99",
    "open-50-p99",
    "open-50-p99.9",
    "open-80-p99",
    "open-80-p99.9",
    "unary-1k",
    "unary-64k",
    "unary-1m",
    "tls-1m",
    "server-stream-100",
    "server-stream-64k",
    "client-stream-100",
    "client-stream-64k",
    "bidi-1x1",
    "bidi-1x1-halting",
    "bidi-8x32",
    "bidi-64k",
    "client-1",
    "client-32",
    "client-100",
)
# As dev/bench policies names them, and as the table does.
POLICIES = {
    "breaker": "circuit breaker, `run`",
    "breaker permit": "circuit breaker, a permit that outlives a scope",
    "breaker open": "open circuit's refusal",
    "limiter": "rate limiter",
    "bulkhead": "bulkhead",
    "stack": "breaker, limiter and bulkhead as a stack",
}
COUNTED = {
    "server, 8 connections x 32 streams": ("server {}, policies none", ("allocations", "system calls", "instructions")),
    "the same with every policy on": ("server {}, policies all", ("allocations", "system calls", "instructions")),
    "client, 32 in flight on one connection": ("client {}", ("allocations", "", "instructions")),
}
SCALES = (
    "methods",
    "streams",
    "connections",
    "idle-connections",
    "methods-and-connections",
    "methods-in-a-crowd",
    "keys",
)
MEMORY = ("idle-connection", "idle-stream", "memory-breaker", "memory-limiter", "memory-limiter-key", "memory-bulkhead")


def calls(report: dict) -> str:
    """Of `dev/bench rpc`: medians of all stacks, how the ratio to gRPC C++ came out, and where ours is the worse."""
    rows = {row["id"]: row for row in report.get("rows", [])}
    found = [rows[id] for id in CALLS if id in rows]
    if not found:
        return ""
    ratios = {each.id: each for each in figures(report) if each.to == CPP}
    lines = [f"| | {' | '.join(STACKS)} | to C++, lowest to highest |", f"|---|{'---:|' * (len(STACKS) + 1)}"]
    for row in found:
        medians = {name: statistics.median(values) for name, values in row["values"].items()}
        medians[OURS] = medians[row["subject"]]
        cells = [number(medians[name]) if name in medians else "" for name in STACKS]
        ratio = f"{ratios[row['id']].median:.2f} x, {ratios[row['id']].spread}" if row["id"] in ratios else ""
        lines.append(f"| {row['title']}, {row['unit']} | {' | '.join(cells)} | {ratio} |")
    worse = [row["title"] for row in found if row["id"] in ratios and is_worse(row["unit"], ratios[row["id"]])]
    after = f"Behind gRPC C++ are: {'; '.join(worse)}." if worse else "Nothing in it is behind gRPC C++."
    return "\n\n".join([wrapped(taken(report, "rpc")), "\n".join(lines), wrapped(after)])


def wrapped(text: str) -> str:
    return textwrap.fill(text, 124)


def is_worse(unit: str, ratio: Figure) -> bool:
    return ratio.median > 1 if unit == "us" else ratio.median < 1


def taken(report: dict, suite: str) -> str:
    """On what, when, and how."""
    settings = settings_of(report, suite)
    versions = ", ".join(f"{name} {version}" for name, version in report["versions"].items())
    company = settings.get("share of the cores that others took", {}).get("median", 0)
    halting = f" {upper_first(settings['halting'])}." if "halting" in settings else ""
    return (
        f"Taken on {report['date']} on {report['machine']}, with {versions}: medians of {settings['rounds']} rounds in turn,"
        f" while other programs took {company:.0%} of the cores.{halting}"
    )


def upper_first(text: str) -> str:
    return text[:1].upper() + text[1:]


def settings_of(report: dict, suite: str) -> dict:
    """A file of all suites has the settings of each under its name."""
    return report["settings"].get(suite, report["settings"])


def messages(report: dict) -> str:
    """Of `dev/bench messages`: how many times as fast, by rival."""
    found = [
        each for each in figures(report) if each.id in ("vote-decode", "vote-encode", "block-decode", "block-encode")
    ]
    if not found:
        return ""
    rivals = list(dict.fromkeys(each.to for each in found))
    lines = [f"| | {' | '.join(f'to {name}' for name in rivals)} |", f"|---|{'---:|' * len(rivals)}"]
    for title in dict.fromkeys(each.title for each in found):
        of = {each.to: f"{each.median:.2f} x" for each in found if each.title == title}
        lines.append(f"| {title} | {' | '.join(of[name] for name in rivals)} |")
    return "\n".join(lines)


def policies(report: dict) -> str:
    """Of `dev/bench policies`: nanoseconds, ours and Go's."""
    operations = report.get("operations") or report.get("suites", {}).get("policies", {}).get("operations")
    if not operations:
        return ""
    lines = ["| | alone | every core | Go alone | Go every core |", "|---|---:|---:|---:|---:|"]
    for name, title in POLICIES.items():
        row = operations[name]
        values = [row.get(key) for key in ("alone", "contended", "go", "goContended")]
        cells = ["" if value is None else f"{value:.0f}" for value in values]
        lines.append(f"| {title} | {' | '.join(cells)} |")
    return "\n".join(lines)


def gates(report: dict) -> str:
    """Of `dev/bench gates`: ratios of a server's rates with policies and without, and of its p99 beside a flood."""
    found = [each for each in figures(report) if each.id.startswith("gates-")]
    if not found:
        return ""
    lines = [f"| {each.name} | {shown(each.median)} {each.unit} | {each.spread} |" for each in found]
    return "\n".join(["| | | lowest to highest |", "|---|---:|---|", *lines])


def counts(report: dict) -> str:
    """Of `dev/bench counts`: per call."""
    found = {each.id: each for each in figures(report)}
    lines = ["| per call | allocations | system calls | instructions |", "|---|---:|---:|---:|"]
    if "client allocations" not in found:
        return ""
    for title, (id, columns) in COUNTED.items():
        cells = [shown(found[id.format(column)].median) if column else "" for column in columns]
        lines.append(f"| {title} | {' | '.join(cells)} |")
    return "\n".join(lines)


def scale(report: dict) -> str:
    """Of `dev/bench scale`: what a call costs with many of something to what it costs with few, and memory."""
    found = {each.id: each for each in figures({"scale": report.get("scale", [])})}
    if not found:
        return ""
    lines = ["| | | lowest to highest |", "|---|---:|---|"]
    for id in (*SCALES, *MEMORY):
        each = found[id]
        what = f"{each.title}, cost of the last to the first" if each.to else each.title
        lines.append(f"| {what} | {shown(each.median)} {each.unit} | {each.spread} |")
    return "\n".join(lines)


def targets(report: dict) -> str:
    """Of `dev/bench all`."""
    judged = [each for each in figures(report) if each.target is not None]
    if "suites" not in report:
        return ""
    met = sum(each.verdict == "met" for each in judged)
    return f"{met} of {len(judged)} are met, on {report['machine']}, {report['date']}.\n\n{table(judged)}"


SECTIONS = {each.__name__: each for each in (calls, messages, policies, gates, counts, scale, targets)}


def parts(reports: Sequence[dict]) -> Mapping[str, str]:
    """The sections by name that the reports have figures for."""
    return {name: made for report in reports for name, section in SECTIONS.items() if (made := section(report))}


def main() -> None:
    parser = argparse.ArgumentParser(prog="dev/bench tables", description=__doc__)
    parser.add_argument("reports", nargs="+", type=pathlib.Path, metavar="FILE", help="what --json has written")
    parser.add_argument("--print", action="store_true", help="print them, and leave the pages as they are")
    options = parser.parse_args()
    found = parts([json.loads(path.read_text()) for path in options.reports])
    if options.print:
        print("\n\n".join(f"{name}:\n\n{text}" for name, text in found.items()))
        return
    for page in PAGES:
        if fill(page, found):
            print(page.relative_to(ROOT))


if __name__ == "__main__":
    main()
