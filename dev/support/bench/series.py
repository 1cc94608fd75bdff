"""What one of many costs, at rising numbers of them."""

import statistics
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field

from bench.results import Target


@dataclass
class Series:
    """The cost of one thing at rising numbers of another: a value for each window of each round."""

    id: str
    title: str
    unit: str = "us of server processor per call"
    max_ratio: float | None = None
    values: dict[str, list[float]] = field(default_factory=lambda: defaultdict(list))

    @property
    def ratios(self) -> list[float]:
        """The last to the first, window by window."""
        first, *_, last = self.values.values()
        return [most / least for most, least in zip(last, first, strict=True)]

    @property
    def ratio(self) -> float:
        return statistics.median(self.ratios)

    def row(self) -> dict:
        points = [{"at": at, "values": values} for at, values in self.values.items()]
        least = next(iter(self.values))
        ratio = {"to": least, "median": self.ratio, "low": min(self.ratios), "high": max(self.ratios)}
        row = {"id": self.id, "title": self.title, "unit": self.unit, "points": points, "ratio": ratio}
        if self.max_ratio is None:
            return row
        target = Target(least, self.max_ratio, is_upper=True)
        return row | {"target": str(target), "verdict": target.verdict(self.ratio)}

    def lines(self) -> Iterator[str]:
        yield f"\n{self.title}, {self.unit}\n\n| | median | lowest to highest |\n|---|---|---|"
        for at, values in self.values.items():
            yield f"| {at} | {statistics.median(values):.2f} | {min(values):.2f} to {max(values):.2f} |"
        row = self.row()
        bound = f", {row['target']}: {row['verdict']}" if "target" in row else ""
        medians = [statistics.median(values) for values in self.values.values()]
        yield f"\nthe last to the first: {self.ratio:.2f} x{bound}"
        yield f"the last to the least: {medians[-1] / min(medians):.2f} x"
