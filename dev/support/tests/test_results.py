import unittest

from bench.results import Count, Result, Row, Target, at_most
from bench.stacks import CPP, OURS
from bench_gates import judged


class Ratios(unittest.TestCase):
    def test_a_ratio_is_made_round_by_round_so_that_a_slow_round_slows_both(self):
        row = Row("calls", "calls", "calls/s", (Target(CPP, 2),))
        (ratio,) = Result(row, {OURS: [200, 20, 220], CPP: [100, 10, 100]}).ratios
        self.assertEqual((ratio.median, ratio.low, ratio.high), (2, 2, 2.2))
        self.assertEqual(ratio.verdict, "met")

    def test_a_row_has_a_ratio_for_each_target(self):
        row = Row("calls", "calls", "calls/s", (Target(CPP, 3), Target("another", 20)))
        ratios = Result(row, {OURS: [100], CPP: [50], "another": [5]}).ratios
        self.assertEqual([(each.rival, each.verdict) for each in ratios], [(CPP, "missed"), ("another", "met")])

    def test_without_a_target_the_ratio_is_to_the_rival_of_the_row_and_has_no_verdict(self):
        (ratio,) = Result(Row("time", "time", "ns", rival="Go"), {OURS: [50], "Go": [100]}).ratios
        self.assertEqual((ratio.rival, ratio.median, ratio.verdict), ("Go", 0.5, None))

    def test_an_upper_bound_is_met_by_its_value_and_missed_above_it(self):
        target = Target(CPP, 0.9, is_upper=True)
        self.assertEqual((target.verdict(0.9), target.verdict(0.91)), ("met", "missed"))
        self.assertEqual(str(target), "at most 0.9 x")

    def test_a_lower_bound_is_met_by_its_value_and_missed_below_it(self):
        target = Target(CPP, 3)
        self.assertEqual((target.verdict(3), target.verdict(2.99)), ("met", "missed"))
        self.assertEqual(str(target), "at least 3 x")


class Counts(unittest.TestCase):
    def test_the_median_of_a_count_is_judged(self):
        count = Count(Row("memory", "idle connection", "KiB", (at_most(16, "KiB"),)), [15, 17, 16])
        self.assertEqual(count.fields["verdict"], "met")
        self.assertEqual(count.fields["target"], "at most 16 KiB")

    def test_a_count_without_a_target_has_no_verdict(self):
        self.assertIsNone(Count(Row("retry", "retry", "bytes"), [200]).fields["verdict"])


class Gates(unittest.TestCase):
    def test_rates_and_latencies_are_judged_as_ratios_of_their_rounds(self):
        rates = {"none": [100.0, 200.0], "all": [95.0, 190.0], "closed": [190.0, 380.0]}
        ratios = [each.ratios[0] for each in judged(rates, {0: [50.0, 60.0], 32: [150.0, 180.0], 64: [1.0, 1.0]})]
        self.assertEqual([ratio.median for ratio in ratios], [0.95, 2, 3])
        self.assertEqual([ratio.verdict for ratio in ratios], ["met", "met", "missed"])
