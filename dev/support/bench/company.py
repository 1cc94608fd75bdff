"""How much other programs computed beside a measurement.

A server with many threads gets more of a core that it has to share than one with a single thread, so figures that were
taken in company are not only worse but unfair.
"""

import contextlib
import os
import pathlib
import resource
import statistics
import time
from collections.abc import Iterator

# Above it, a note says that the figures are not to be quoted.
MOST = 0.05


class Company:
    """The share of all cores that others took, run by run."""

    def __init__(self) -> None:
        self._shares: list[float] = []

    @contextlib.contextmanager
    def watched(self) -> Iterator[None]:
        """A measurement, all of whose programs have been waited for at its end."""
        start, all_before, own_before = time.monotonic(), _everyone(), _own()
        yield
        others = _everyone() - all_before - (_own() - own_before)
        self._shares.append(max(0.0, others / (time.monotonic() - start) / os.sysconf("SC_NPROCESSORS_ONLN")))

    @property
    def fields(self) -> dict[str, float]:
        return {"median": round(statistics.median(self._shares), 3), "highest": round(max(self._shares), 3)}

    def __str__(self) -> str:
        median, highest = self.fields.values()
        advice = "" if median <= MOST else ": too much for these figures to be quoted"
        return f"other programs took {median:.1%} of the cores, at most {highest:.1%}{advice}"


def _everyone() -> float:
    """Seconds of all processes since the machine's start: user, nice and system, without interrupts and idleness."""
    ticks = pathlib.Path("/proc/stat").read_text().split()[1:4]
    return sum(map(int, ticks)) / os.sysconf("SC_CLK_TCK")


def _own() -> float:
    times = resource.getrusage(resource.RUSAGE_CHILDREN), resource.getrusage(resource.RUSAGE_SELF)
    return sum(each.ru_utime + each.ru_stime for each in times)
