"""Pictures of what `dev/bench rpc`, `dev/bench scale` or `dev/bench all` have written with --json.

Each is drawn twice, for light pages and for dark ones, with DocC's names for them.
"""

import argparse
import json
import math
import pathlib
import statistics
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from bench.company import MOST
from bench.stacks import CEILING, CPP, GO, OURS, SWIFT
from svg import THEMES, Picture, Theme

FOLDER = pathlib.Path(__file__).resolve().parents[2] / "Sources/BulwarkTransport/BulwarkTransport.docc/Resources"
# A stack has the same colour and mark in every picture.
STACKS = [OURS, CPP, GO, SWIFT, CEILING]
REFERENCE = CPP
THROUGHPUT = [
    "unary-8x32",
    "unary-1x100",
    "tls-8x32",
    "client-32",
    "server-stream-100",
    "bidi-8x32",
    "unary-1m",
    "server-stream-64k",
]
PERCENTILES = ["p50", "p99", "p99.9"]
SCALES = ["methods", "streams", "connections", "idle-connections", "keys"]
WIDTH, MARGIN = 880, 20


def taken(report: dict, suite: str = "rpc") -> str:
    """On what and when, and what forbids to quote it."""
    settings = report["settings"].get(suite, report["settings"])
    others = settings.get("share of the cores that others took", {}).get("median", 0)
    company = f", while other programs took {others:.0%} of the cores" if others > MOST else ""
    return f"{report['machine']}, {report['date']}{company}"


def legend(picture: Picture, y: float, stacks: Sequence[str], with_marks: bool) -> None:
    x = MARGIN
    for stack in stacks:
        series = STACKS.index(stack)
        if with_marks:
            picture.mark(x + 5, y - 4, series)
        else:
            picture.bar(x, y - 9, 10, 10, series)
        picture.text(x + 16, y, stack)
        x += 34 + 7 * len(stack)


# MARK: throughput


def throughput(report: dict, theme: Theme) -> Picture:
    """Bars, as multiples of gRPC C++: rates of different units are comparable as nothing else."""
    rows = {row["id"]: row for row in report["rows"]}
    chosen = [rows[name] for name in THROUGHPUT if name in rows and REFERENCE in rows[name]["values"]]
    medians = [{s: statistics.median(row["values"][s]) for s in STACKS if s in row["values"]} for row in chosen]
    stacks = [stack for stack in STACKS if any(stack in each for each in medians)]
    most = max(value / each[REFERENCE] for each in medians for value in each.values())
    left, top, bar, labels = MARGIN, 100, 15, 190
    height = top + sum(28 + bar * len(each) for each in medians) + 26
    title = "Throughput beside the peers, as multiples of gRPC C++"
    words = "; ".join(
        f"{row['title']}: " + ", ".join(f"{stack} {value:,.0f} {row['unit']}" for stack, value in each.items())
        for row, each in zip(chosen, medians, strict=True)
    )
    picture = Picture(theme, WIDTH, height, title, f"{words}. Medians, {taken(report)}.")
    picture.text(left, 24, title, size=16, bold=True)
    picture.text(left, 44, "Longer is better. One core for the program, one for its load.", color=theme.quiet)
    picture.text(left, 60, f"{taken(report)}.", color=theme.quiet)
    legend(picture, 84, stacks, with_marks=False)
    scale = (WIDTH - left - MARGIN - labels) / most
    picture.line(left + scale, top, left + scale, height - 26, dashes="3 3")
    picture.text(left + scale, height - 12, "gRPC C++ = 1", size=11, anchor="middle", color=theme.quiet)
    y = top
    for row, each in zip(chosen, medians, strict=True):
        picture.text(left, y + 14, row["title"], bold=True)
        y += 20
        for stack, value in each.items():
            ratio = value / each[REFERENCE]
            picture.bar(left, y, ratio * scale, bar - 3, STACKS.index(stack))
            beside = "" if stack == REFERENCE else f", {ratio:.2f} x"
            picture.text(left + ratio * scale + 6, y + 10, f"{value:,.0f} {row['unit']}{beside}", size=11)
            y += bar
        y += 8
    return picture


# MARK: curves


@dataclass(frozen=True)
class Axis:
    """Where values lie on a line of so many pixels from `start`; negative lengths go up."""

    low: float
    high: float
    start: float
    length: float
    is_logarithmic: bool

    def at(self, value: float) -> float:
        position: Callable[[float], float] = math.log10 if self.is_logarithmic else float
        return self.start + self.length * (position(value) - position(self.low)) / (position(self.high) - position(self.low))

    @property
    def decades(self) -> list[float]:
        return [10.0**power for power in range(round(math.log10(self.low)), round(math.log10(self.high)) + 1)]


def decades(values: Sequence[float]) -> tuple[float, float]:
    """The powers of ten around the values."""
    low, high = math.floor(math.log10(min(values))), math.ceil(math.log10(max(values)))
    return 10.0**low, 10.0 ** max(high, low + 1)


def panel(picture: Picture, title: str, x: Axis, y: Axis, x_label: str, names: dict[float, str]) -> None:
    """The frame of a diagram: title, lines and numbers, on the horizontal axis those that are given."""
    theme = picture.theme
    picture.text(x.start, y.start + y.length - 14, title, size=13, bold=True)
    for tick in y.decades:
        picture.line(x.start, y.at(tick), x.start + x.length, y.at(tick))
        picture.text(x.start - 6, y.at(tick) + 4, f"{tick:,.0f}", size=11, anchor="end", color=theme.quiet)
    for tick, name in names.items():
        picture.text(x.at(tick), y.start + 16, name, size=11, anchor="middle", color=theme.quiet)
    picture.text(x.start + x.length / 2, y.start + 32, x_label, size=11, anchor="middle", color=theme.quiet)


def latency(report: dict, theme: Theme) -> Picture:
    rows = sorted(report["latency"], key=lambda row: row["share"])
    shares = sorted({row["share"] for row in rows})
    stacks = [stack for stack in STACKS if any(row["stack"] == stack for row in rows)]
    low, high = decades([row[name] for row in rows for name in PERCENTILES])
    title = "Latency at rising load"
    words = "; ".join(
        f"{row['stack']} at {row['share']:.0%}: " + ", ".join(f"{name} {row[name]:,.0f} us" for name in PERCENTILES)
        for row in rows
    )
    picture = Picture(theme, WIDTH, 410, title, f"{words}. Shares of the rate of gRPC C++, {taken(report)}.")
    picture.text(MARGIN, 24, title, size=16, bold=True)
    note = "Microseconds from when a call was due, in an open loop; lower is better."
    picture.text(MARGIN, 44, note, color=theme.quiet)
    picture.text(MARGIN, 60, f"{taken(report)}.", color=theme.quiet)
    legend(picture, 84, stacks, with_marks=True)
    for number, name in enumerate(PERCENTILES):
        x = Axis(0, max(1, *shares), 72 + number * 280, 215, is_logarithmic=False)
        y = Axis(low, high, 350, -210, is_logarithmic=True)
        names = {share: f"{share:.0%}" for share in shares}
        panel(picture, name, x, y, "of the rate of gRPC C++", names)
        for stack in stacks:
            points = [(x.at(row["share"]), y.at(row[name])) for row in rows if row["stack"] == stack]
            picture.curve(points, STACKS.index(stack))
    return picture


def scale(report: dict, theme: Theme) -> Picture:
    rows = {row["id"]: row for row in report["scale"]}
    chosen = [rows[name] for name in SCALES]
    title = "Cost against scale"
    medians = {
        row["id"]: [(count(point["at"]), statistics.median(point["values"])) for point in row["points"]] for row in chosen
    }
    words = "; ".join(
        f"{row['title']}, {row['unit']}: " + ", ".join(f"{value:,.1f} at {at:,}" for at, value in medians[row["id"]])
        for row in chosen
    )
    picture = Picture(theme, WIDTH, 600, title, f"{words}. Medians, {taken(report, 'scale')}.")
    picture.text(MARGIN, 24, title, size=16, bold=True)
    note = "Microseconds of server processor per call, and nanoseconds per acquisition of a limiter; lower is better."
    picture.text(MARGIN, 44, note, color=theme.quiet)
    picture.text(MARGIN, 60, f"{taken(report, 'scale')}.", color=theme.quiet)
    low, high = decades([value for row in chosen for _, value in medians[row["id"]]])
    for number, row in enumerate(chosen):
        points = medians[row["id"]]
        x = Axis(1, decades([at for at, _ in points])[1], 60 + number % 3 * 285, 220, is_logarithmic=True)
        y = Axis(low, high, 290 + number // 3 * 255, -170, is_logarithmic=True)
        what, _, rest = row["title"].partition(", ")
        panel(picture, what, x, y, rest, {count(point["at"]): point["at"].replace(",000", "k") for point in row["points"]})
        places = [(x.at(at), y.at(value)) for at, value in points]
        picture.curve(places, 0)
        for (_, value), (left, top) in zip(points, places, strict=True):
            anchor = "start" if left == x.start else "middle"
            picture.text(left, top - 9, f"{value:,.1f}" if value < 10 else f"{value:,.0f}", size=11, anchor=anchor)
    return picture


def count(label: str) -> int:
    """A logarithmic axis has no nought; one beside it is as far away."""
    return max(1, int(label.replace(",", "")))


def drawings(report: dict) -> dict[str, Callable[[dict, Theme], Picture]]:
    """What there are figures for, by the picture's name."""
    has_rates = any(row["id"] in THROUGHPUT for row in report.get("rows", []))
    has = {throughput: has_rates, latency: bool(report.get("latency")), scale: bool(report.get("scale"))}
    return {draw.__name__: draw for draw, is_there in has.items() if is_there}


def main() -> None:
    parser = argparse.ArgumentParser(prog="dev/bench plots", description=__doc__)
    parser.add_argument("reports", nargs="+", type=pathlib.Path, metavar="FILE", help="what --json has written")
    parser.add_argument("--folder", type=pathlib.Path, default=FOLDER, help=f"where to (default {FOLDER.name})")
    options = parser.parse_args()
    options.folder.mkdir(parents=True, exist_ok=True)
    for path in options.reports:
        report = json.loads(path.read_text())
        for name, draw in drawings(report).items():
            for theme in THEMES:
                target = options.folder / f"{name}{theme.suffix}.svg"
                target.write_text(draw(report, theme).render())
                print(target)


if __name__ == "__main__":
    main()
