import os
import pathlib
import signal
import sys
import tempfile
import unittest

from bench.figures import figures
from bench.signals import unwinding
from bench_all import clock, code_of, disturbance, merged, summary, times

RPC = {
    "machine": "two cores",
    "date": "2026-01-01",
    "versions": {"Swift": "6"},
    "settings": {"rounds": 3},
    "rows": [
        {
            "id": "unary",
            "title": "unary",
            "unit": "calls/s",
            "values": {},
            "ratio": {"to": "gRPC C++", "median": 2, "low": 1, "high": 3},
            "target": "at least 3 x",
            "verdict": "missed",
            "others": [],
        }
    ],
    "latency": [{"stack": "Bulwark"}],
}
SCALE = {
    "machine": "two cores",
    "date": "2026-01-01",
    "versions": {"Linux": "6"},
    "settings": {"rounds": 1},
    "scale": [
        {"id": "idle", "title": "idle", "unit": "KiB", "values": {"Bulwark": [9]}, "target": "t", "verdict": "met"}
    ],
    "bytes": 7,
}


class Merging(unittest.TestCase):
    def test_one_file_has_the_rows_of_all_suites_where_a_single_suite_has_its_own(self):
        report = merged({"rpc": RPC, "scale": SCALE}, {"rpc": 60.0, "scale": 30.0})
        self.assertEqual([each.id for each in figures(report)], ["unary", "idle"])
        self.assertEqual(report["latency"], RPC["latency"])
        self.assertEqual(report["versions"], {"Swift": "6", "Linux": "6"})
        self.assertEqual(report["settings"], {"rpc": {"rounds": 3}, "scale": {"rounds": 1}})

    def test_what_a_suite_alone_knows_stands_under_its_name(self):
        self.assertEqual(merged({"rpc": RPC, "scale": SCALE}, {})["suites"], {"rpc": {}, "scale": {"bytes": 7}})


class Summary(unittest.TestCase):
    def test_the_summary_counts_and_names_what_is_missed(self):
        judged = figures(merged({"rpc": RPC, "scale": SCALE}, {}))
        self.assertEqual(summary(judged), "1 of 2 targets are met\nmissed: unary, to gRPC C++")

    def test_a_run_that_others_disturbed_says_so_at_its_end(self):
        def settings(share):
            return {"settings": {"rpc": {"share of the cores that others took": {"median": share}}}}

        self.assertEqual(disturbance(settings(0.2)), "\nother programs took 20% of the cores meanwhile")
        self.assertEqual(disturbance(settings(0.01)), "")
        self.assertEqual(disturbance({"settings": {}}), "")

    def test_each_suite_has_its_time_and_the_last_line_their_sum(self):
        self.assertEqual(
            times({"rpc": 200.4, "scale": 60}).splitlines()[-3:],
            [
                "| rpc | 3:20 min |",
                "| scale | 1:00 min |",
                "| all | 4:20 min |",
            ],
        )

    def test_seconds_are_rounded_before_they_become_minutes(self):
        self.assertEqual(clock(59.7), "1:00 min")


# Ends the program that started it as soon as it runs itself, and writes down that it could put things in order.
SUITE = """
import os, pathlib, signal, sys
sys.path.insert(0, sys.argv[1])
from bench.signals import unwinding
with unwinding():
    try:
        os.kill(os.getppid(), signal.SIGTERM)
        while True:
            pass
    finally:
        pathlib.Path(sys.argv[2]).write_text("in order")
"""

# Does so, too, and does not end.
HANGING = """
import os, pathlib, signal, sys
signal.signal(signal.SIGTERM, signal.SIG_IGN)
pathlib.Path(sys.argv[1]).write_text(str(os.getpid()))
os.kill(os.getppid(), signal.SIGTERM)
while True:
    signal.pause()
"""


class Ending(unittest.TestCase):
    def test_a_suite_ends_with_its_code(self):
        self.assertEqual(code_of([sys.executable, "-c", "raise SystemExit(3)"]), 3)

    def test_a_run_that_is_to_end_lets_its_suite_end_in_order(self):
        support = pathlib.Path(__file__).resolve().parents[1]
        with tempfile.TemporaryDirectory() as folder:
            done = pathlib.Path(folder) / "done"
            with self.assertRaises(SystemExit) as exit, unwinding():
                code_of([sys.executable, "-c", SUITE, str(support), str(done)])
            self.assertEqual((exit.exception.code, done.read_text()), (128 + signal.SIGTERM, "in order"))

    def test_a_suite_that_hangs_is_killed(self):
        with tempfile.TemporaryDirectory() as folder:
            started = pathlib.Path(folder) / "started"
            with self.assertRaises(SystemExit) as exit, unwinding():
                code_of([sys.executable, "-c", HANGING, str(started)], ending_seconds=0.05)
            self.assertEqual(exit.exception.code, 128 + signal.SIGTERM)
            with self.assertRaises(ProcessLookupError):
                os.kill(int(started.read_text()), 0)
