import contextlib
import io
import json
import pathlib
import tempfile
import unittest
from unittest import mock

from bench.figures import figures, table
from bench.results import Count, Result, Row, Target, at_most
from bench.series import Series
from bench.stacks import CPP, OURS, SWIFT
from bench_compare import compared, main, warning
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


POLLED = "cores poll for 200 us before they halt (guest_halt_poll_ns, was 0, put back after the run)"
HALTED = "cores halt as the machine has it"
DIFFER = "idle cores differ, so times are not to be compared"


def report(halting: str | None = None) -> dict:
    return {"settings": {"rounds": 3} | ({"halting": halting} if halting else {}), "rows": [CALLS.fields]}


def report_of_all(halting: str | None = None) -> dict:
    single = report(halting)
    return single | {"settings": {"counts": {"quick": True}, "rpc": single["settings"]}}


class IdleCores(unittest.TestCase):
    def test_which_run_had_polling_cores_and_which_halting_ones_is_told(self):
        for made in (report, report_of_all):
            with self.subTest(made.__name__):
                words = f"{DIFFER}; first: {POLLED}; second: {HALTED}"
                self.assertEqual(warning(made(POLLED), made(HALTED)), words)
                words = f"{DIFFER}; first: {HALTED}; second: {POLLED}"
                self.assertEqual(warning(made(), made(POLLED)), words)

    def test_a_run_is_told_from_a_file_of_all_suites_too(self):
        self.assertIsNone(warning(report(POLLED), report_of_all(POLLED)))
        self.assertIsNotNone(warning(report(HALTED), report_of_all(POLLED)))

    def test_cores_that_halt_at_once_are_the_same_in_whatever_words(self):
        self.assertIsNone(warning(report(), report(HALTED)))
        self.assertIsNone(warning(report(), report_of_all(f"{HALTED} (guest_halt_poll_ns is 0)")))

    def test_a_machine_whose_own_cores_poll_is_not_one_whose_cores_halt(self):
        self.assertIsNotNone(warning(report(), report(f"{HALTED} (guest_halt_poll_ns is 200000)")))

    def test_counts_do_not_depend_on_it(self):
        counts = {"settings": {"quick": False}, "counts": [MEMORY.fields]}
        self.assertIsNone(warning(counts, report_of_all(POLLED) | {"counts": [MEMORY.fields]}))

    def test_it_is_one_line_above_the_comparison_and_leaves_the_exit_code_as_it_is(self):
        code, lines = self.printed(report(), report(POLLED))
        self.assertEqual((code, lines[0].startswith(DIFFER), lines[1]), (0, True, ""))
        self.assertTrue(lines[2].startswith("| what |"))
        code, lines = self.printed(report(POLLED), report(POLLED))
        self.assertEqual((code, lines[0].startswith("| what |")), (0, True))

    def printed(self, *reports):
        with tempfile.TemporaryDirectory() as folder:
            files = [pathlib.Path(folder) / name for name in ("first", "second")]
            for file, each in zip(files, reports, strict=True):
                file.write_text(json.dumps(each))
            arguments = mock.patch("sys.argv", ["compare", *map(str, files)])
            with arguments, contextlib.redirect_stdout(io.StringIO()) as out, self.assertRaises(SystemExit) as exit:
                main()
        return exit.exception.code, out.getvalue().splitlines()
