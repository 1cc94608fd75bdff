"""Tables of what was measured."""

import statistics
from collections.abc import Sequence

from bench.results import Result
from bench.rows import PERCENTILES, Latency


def heading(description: dict) -> str:
    versions = (f"{name} {version}" for name, version in description["versions"].items())
    return "; ".join([description["machine"], description["date"], *versions])


def figures(results: Sequence[Result], columns: Sequence[str]) -> str:
    """A Markdown table: a line for each row, the medians of the stacks; the first column is ours."""
    lines = [f"| median of the rounds | unit | {' | '.join(columns)} |", f"|---|---|{'---:|' * len(columns)}"]
    for result in results:
        values = result.values | {columns[0]: result.values[result.row.subject]}
        cells = [number(statistics.median(values[name])) if name in values else "" for name in columns]
        lines.append(f"| {result.row.title} | {result.row.unit} | {' | '.join(cells)} |")
    return "\n".join(lines)


def verdicts(results: Sequence[Result]) -> str:
    """A Markdown table: a line for each ratio, with its target."""
    lines = ["| ours to a rival's | to | ratio | lowest to highest | target | verdict |", "|---|---|---:|---|---|---|"]
    for result in results:
        for ratio in result.ratios:
            spread = f"{ratio.low:.2f} to {ratio.high:.2f}"
            judged = f"{ratio.target} | {ratio.verdict}" if ratio.target else " | "
            lines.append(f"| {result.row.title} | {ratio.rival} | {ratio.median:.2f} | {spread} | {judged} |")
    return "\n".join(lines)


def latencies(samples: dict[tuple[str, float], list[Latency]]) -> Sequence[dict]:
    """The open loop, by stack and share: medians of the rounds, in microseconds."""
    return [
        {
            "stack": stack,
            "share": share,
            "rate": statistics.median(sample.calls_per_second for sample in rounds),
            **{name: statistics.median(sample.microseconds[name] for sample in rounds) for name in PERCENTILES},
        }
        for (stack, share), rounds in samples.items()
    ]


def latency_table(rows: Sequence[dict]) -> str:
    """A Markdown table of `latencies`."""
    lines = [f"| open loop, us | calls/s | {' | '.join(PERCENTILES)} |", f"|---|---:|{'---:|' * len(PERCENTILES)}"]
    for row in sorted(rows, key=lambda row: row["share"]):
        cells = " | ".join(number(row[name]) for name in PERCENTILES)
        lines.append(f"| {row['stack']}, {row['share']:.0%} of gRPC C++'s rate | {number(row['rate'])} | {cells} |")
    return "\n".join(lines)


def number(value: float) -> str:
    return f"{value:,.0f}" if value >= 100 else f"{value:.1f}"
