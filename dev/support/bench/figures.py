"""What the files of all suites have in common: figures, each with its spread, and the target and verdict of some."""

import statistics
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from bench.report import number

# Under these a file has its rows.
KINDS = ("rows", "counts", "scale")


@dataclass(frozen=True)
class Figure:
    """A ratio, of which every round has one, or what was counted of ours alone."""

    id: str
    title: str
    # To whom, or to what, the ratio is; nothing for what is no ratio.
    to: str
    unit: str
    median: float
    low: float
    high: float
    target: str | None
    verdict: str | None

    @property
    def name(self) -> str:
        return f"{self.title}, to {self.to}" if self.to else self.title

    @property
    def spread(self) -> str:
        return f"{shown(self.low)} to {shown(self.high)}"

    def agrees(self, other: "Figure", slack: float) -> bool:
        """Whether the spreads meet, each made wider by that share of its ends."""
        return self.low * (1 - slack) <= other.high * (1 + slack) and other.low * (1 - slack) <= self.high * (1 + slack)


def figures(report: dict) -> Sequence[Figure]:
    """All of a suite's file, or of one of all suites."""
    return [figure for kind in KINDS for row in report.get(kind, []) for figure in _figures(row)]


def _figures(row: dict) -> Iterable[Figure]:
    for part in (row, *row.get("others", [])):
        if "ratio" in part:
            ratio, unit = part["ratio"], "x"
            to, median, low, high = ratio["to"], ratio["median"], ratio["low"], ratio["high"]
        else:
            (values,), unit = row["values"].values(), row["unit"]
            to, median, low, high = "", statistics.median(values), min(values), max(values)
        yield Figure(row["id"], row["title"], to, unit, median, low, high, part.get("target"), part.get("verdict"))


def table(chosen: Sequence[Figure]) -> str:
    """A Markdown table: a line for each target and whether it is met."""
    lines = ["| what | to | ours | lowest to highest | target | verdict |", "|---|---|---:|---|---|---|"]
    for each in chosen:
        ours = f"{shown(each.median)} {each.unit}"
        lines.append(f"| {each.title} | {each.to} | {ours} | {each.spread} | {each.target} | {each.verdict} |")
    return "\n".join(lines)


def shown(value: float) -> str:
    """Enough digits to tell a small value from its target."""
    return number(value) if abs(value) >= 10 else f"{value:.2f}"
