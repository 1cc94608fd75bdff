import unittest

from bench.figures import figures, table
from bench.results import Count, Result, Row, Target, at_most
from bench.series import Series
from bench.stacks import CPP, OURS, SWIFT
from bench_compare import compared
from bench_compare import table as comparison

CALLS = Result(
    Row("unary", "unary", "calls/s", (Target(CPP, 3), Target(SWIFT, 20))),
    {OURS: [300, 330, 360], CPP: [100, 100, 100], SWIFT: [10, 10, 10]},
)
MEMORY = Count(Row("idle-connection", "idle connection", "KiB", (at_most(16, "KiB"),)), [17.0])


def series() -> Series:
    found = Series("methods", "1 to 1,000 methods", max_ratio=1.3)
    found.values["1"] += [2.0, 2.0, 2.0]
    found.values["1,000"] += [2.2, 2.4, 3.0]
    return found


class Figures(unittest.TestCase):
    def test_a_row_has_a_figure_for_each_rival(self):
        first, second = figures({"rows": [CALLS.fields]})
        self.assertEqual((first.to, first.median, first.low, first.high, first.verdict), (CPP, 3.3, 3, 3.6, "met"))
        self.assertEqual((second.to, second.median, second.target), (SWIFT, 33, "at least 20 x"))

    def test_what_has_no_rival_is_a_figure_of_its_own_unit(self):
        (memory,) = figures({"counts": [MEMORY.fields]})
        self.assertEqual((memory.to, memory.median, memory.unit, memory.verdict), ("", 17, "KiB", "missed"))

    def test_a_series_is_the_ratio_of_its_last_point_to_its_first(self):
        (methods,) = figures({"scale": [series().row()]})
        self.assertEqual((methods.to, methods.median, methods.high), ("1", 1.2, 1.5))
        self.assertEqual((methods.target, methods.verdict), ("at most 1.3 x", "met"))

    def test_the_table_has_a_line_for_each_target(self):
        lines = table(figures({"rows": [CALLS.fields], "counts": [MEMORY.fields]})).splitlines()
        self.assertEqual(lines[2], f"| unary | {CPP} | 3.30 x | 3.00 to 3.60 | at least 3 x | met |")
        self.assertEqual(lines[4], "| idle connection |  | 17.0 KiB | 17.0 to 17.0 | at most 16 KiB | missed |")


def ratio(*values: float, id: str = "unary"):
    """The figures of a run whose ratios to gRPC C++ were these."""
    result = Result(Row(id, id, "calls/s"), {OURS: list(values), CPP: [1.0] * len(values)})
    return figures({"rows": [result.fields]})


class Comparison(unittest.TestCase):
    def test_runs_agree_when_their_spreads_meet(self):
        ((_, _, agrees),) = compared(ratio(2, 3, 4), ratio(4, 5, 6), slack=0)
        self.assertTrue(agrees)

    def test_runs_differ_when_there_is_room_between_their_spreads(self):
        pairs = compared(ratio(2, 3, 4), ratio(4.1, 5, 6), slack=0)
        self.assertFalse(pairs[0][2])
        self.assertFalse(compared(ratio(4.1, 5, 6), ratio(2, 3, 4), slack=0)[0][2])
        self.assertIn("DIFFER", comparison(pairs))

    def test_slack_widens_each_end(self):
        ((_, _, agrees),) = compared(ratio(100), ratio(103), slack=0.02)
        self.assertTrue(agrees)
        ((_, _, agrees),) = compared(ratio(100), ratio(105), slack=0.02)
        self.assertFalse(agrees)

    def test_what_one_run_alone_has_is_not_compared(self):
        self.assertEqual(compared(ratio(2), ratio(2, id="bidi"), slack=0), [])
