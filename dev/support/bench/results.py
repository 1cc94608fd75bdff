"""Rows of figures with their targets, what was measured for them, and the verdicts."""

import statistics
from collections.abc import Sequence
from dataclasses import dataclass

from bench.stacks import CPP, OURS


@dataclass(frozen=True)
class Target:
    """What the ratio of ours to a rival's has to be, or, of another unit, a figure of ours alone."""

    # Of whom, or of what, the ratio is one.
    rival: str
    bound: float
    # Whether it may be at most the bound, as for times, rather than at least.
    is_upper: bool = False
    unit: str = "x"

    def verdict(self, value: float) -> str:
        is_met = value <= self.bound if self.is_upper else value >= self.bound
        return "met" if is_met else "missed"

    def __str__(self) -> str:
        return f"at {'most' if self.is_upper else 'least'} {self.bound:,} {self.unit}"


def at_most(bound: float, unit: str) -> Target:
    """Of a figure of ours alone."""
    return Target("", bound, is_upper=True, unit=unit)


@dataclass(frozen=True)
class Row:
    """One figure of several stacks."""

    id: str
    title: str
    unit: str
    targets: tuple[Target, ...] = ()
    # Whose ratio to the rivals is told, and to which rival if there is no target.
    subject: str = OURS
    rival: str = CPP


@dataclass(frozen=True)
class Ratio:
    """Ours to a rival's, round by round: what slows the machine down in a round slows both."""

    rival: str
    median: float
    low: float
    high: float
    target: Target | None

    @property
    def verdict(self) -> str | None:
        return None if self.target is None else self.target.verdict(self.median)

    @property
    def fields(self) -> dict:
        return {
            "ratio": {"to": self.rival, "median": self.median, "low": self.low, "high": self.high},
            "target": None if self.target is None else str(self.target),
            "verdict": self.verdict,
        }


@dataclass(frozen=True)
class Result:
    """A row with the value of each round, by stack."""

    row: Row
    values: dict[str, list[float]]

    @property
    def ratios(self) -> Sequence[Ratio]:
        """One for each target; without any, that to the row's rival."""
        targets: dict[str, Target | None] = {target.rival: target for target in self.row.targets}
        found = []
        for rival, target in (targets or {self.row.rival: None}).items():
            rounds = [
                ours / theirs for ours, theirs in zip(self.values[self.row.subject], self.values[rival], strict=True)
            ]
            found.append(Ratio(rival, statistics.median(rounds), min(rounds), max(rounds), target))
        return found

    @property
    def fields(self) -> dict:
        first, *others = [ratio.fields for ratio in self.ratios]
        row = {"id": self.row.id, "title": self.row.title, "unit": self.row.unit, "subject": self.row.subject}
        return {**row, "values": self.values, **first, "others": others}


@dataclass(frozen=True)
class Count:
    """A row that no rival has a value for, with the value of each round."""

    row: Row
    values: list[float]

    @property
    def target(self) -> Target | None:
        return next(iter(self.row.targets), None)

    @property
    def verdict(self) -> str | None:
        return None if self.target is None else self.target.verdict(statistics.median(self.values))

    @property
    def fields(self) -> dict:
        row = {"id": self.row.id, "title": self.row.title, "unit": self.row.unit, "values": {OURS: self.values}}
        return row | {"target": None if self.target is None else str(self.target), "verdict": self.verdict}
