import contextlib
import io
import os
import pathlib
import re
import tempfile
import unittest
from unittest import mock

from bench.company import Company
from bench.halting import OWN, Halting
from bench.load import Files
from bench.results import Row
from bench.rows import Bench, Measurement, Sample, measurements
from bench.stacks import CPP, OURS, Certificate, Stack
from bench_rpc import run

NOWHERE = pathlib.Path("/nowhere")
HALTING_IDS = ["one-in-flight-halting-p50", "one-in-flight-halting-p99", "bidi-1x1-halting"]


def rows(only: str = "", own_ns: int = 0, is_changed: bool = True, is_forgotten: bool = True):
    halting = Halting(NOWHERE, own_ns, is_changed, is_forgotten=is_forgotten)
    chosen = measurements(re.compile(only), True, halting)
    return [(measurement, row) for measurement in chosen for row in measurement.rows]


class Halts(unittest.TestCase):
    def test_a_run_that_lets_cores_poll_has_rows_beside_with_cores_that_halt(self):
        found = [(measurement, row) for measurement, row in rows() if measurement.is_halting]
        self.assertEqual([row.id for _, row in found], HALTING_IDS)
        for measurement, row in found:
            self.assertEqual((measurement.stacks, row.targets), ((OURS, CPP), ()))
            self.assertIn(", cores halt at once", row.title)

    def test_they_say_what_the_machines_own_value_is(self):
        ((_, row),) = rows("bidi-1x1-halting", own_ns=50_000)
        self.assertEqual(row.title, "bidi ping-pong 100 B, 1 x 1, cores halt after 50 us")

    def test_rows_with_targets_are_the_same_whether_or_not_the_run_changes_anything(self):
        judged = [(row.id, row.title, row.targets) for _, row in rows() if row.targets]
        self.assertEqual(judged, [(row.id, row.title, row.targets) for _, row in rows(is_changed=False) if row.targets])
        self.assertEqual(len({id for id, *_ in judged} & {"one-in-flight-p50", "one-in-flight-p99", "bidi-1x1"}), 3)

    def test_a_run_that_changes_nothing_measures_nothing_twice(self):
        self.assertFalse({row.id for _, row in rows(is_changed=False)} & set(HALTING_IDS))

    def test_cores_that_do_not_forget_how_long_they_polled_are_not_called_halting(self):
        self.assertFalse({row.id for _, row in rows(is_forgotten=False)} & set(HALTING_IDS))

    def test_every_id_is_there_once(self):
        ids = [row.id for _, row in rows()]
        self.assertEqual(len(ids), len(set(ids)))

    def test_the_run_has_the_machines_own_value_for_them_alone(self):
        with tempfile.TemporaryDirectory() as folder:
            parameter = pathlib.Path(folder) / "guest_halt_poll_ns"
            parameter.write_text("200000")
            halting = Halting(parameter, 0, is_changed=True, settle=lambda: None)

            def measured(id: str, is_halting: bool) -> Measurement:
                def value(bench: Bench, stack: Stack) -> Sample:
                    return Sample({id: float(parameter.read_text())}, 0)

                return Measurement((Row(id, id, "ns"),), (OURS, CPP), value, is_halting=is_halting)

            files = Files({}, NOWHERE, Certificate(NOWHERE, NOWHERE))
            bench = Bench(NOWHERE, files, 0, 0, halting)
            chosen = [measured("before", False), measured("halting", True), measured("after", False)]
            stacks = {name: Stack(name, []) for name in (OURS, CPP)}
            with contextlib.redirect_stderr(io.StringIO()), mock.patch.dict(os.environ, {OWN: "0"}):
                results, _ = run(chosen, stacks, bench, 2, Company())
        self.assertEqual(
            {result.row.id: result.values[OURS] + result.values[CPP] for result in results},
            {"before": [200_000] * 4, "halting": [0] * 4, "after": [200_000] * 4},
        )
