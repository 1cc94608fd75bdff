import unittest

from bench.page import filled
from bench.results import Count, Result, Row, Target, at_most
from bench.stacks import CPP, OURS, POLICIES
from bench_plots import drawings
from bench_tables import parts
from svg import DARK, LIGHT

HEAD = {"machine": "two cores", "date": "2026-01-01", "versions": {"Swift": "6"}}
ALONE = Result(
    Row("one-in-flight-p50", "one call in flight, p50", "us", (Target(CPP, 0.9, is_upper=True),)),
    {OURS: [50.0], CPP: [40.0]},
)
MANY = Result(Row("unary-8x32", "unary", "calls/s", (Target(CPP, 3),)), {OURS: [4000.0], CPP: [1000.0]})
POLICED = Result(
    Row("policies", "with policies", "calls/s", (Target(OURS, 0.92),), POLICIES), {OURS: [4000.0], POLICIES: [3900.0]}
)
RPC = HEAD | {
    "settings": {"rounds": 7, "share of the cores that others took": {"median": 0.2, "highest": 0.4}},
    "rows": [MANY.fields, POLICED.fields, ALONE.fields],
    "latency": [
        {"stack": stack, "share": share, "rate": 1000, "p50": 100 * share, "p99": 300, "p99.9": 900}
        for stack in (OURS, CPP)
        for share in (0.5, 0.8)
    ],
}
COUNTS = HEAD | {
    "settings": {},
    "counts": [
        Count(Row(f"server {what}, policies {policies}", "", "per call", (at_most(6, ""),)), [value]).fields
        for policies in ("none", "all")
        for what, value in {"allocations": 5.97, "system calls": 0.06, "instructions": 44_842}.items()
    ]
    + [Count(Row(f"client {what}", "", "per call"), [9.0]).fields for what in ("allocations", "instructions")],
}


class Places(unittest.TestCase):
    def test_a_part_replaces_what_stands_between_its_comments(self):
        page = "a\n<!-- begin calls: by a program -->\nold\n\nold\n<!-- end -->\nb\n"
        self.assertEqual(
            filled(page, {"calls": "new"}), "a\n<!-- begin calls: by a program -->\nnew\n<!-- end -->\nb\n"
        )

    def test_an_empty_place_is_filled(self):
        self.assertEqual(
            filled("<!-- begin calls -->\n<!-- end -->", {"calls": "new"}), "<!-- begin calls -->\nnew\n<!-- end -->"
        )

    def test_a_place_without_a_part_stays_as_it_is(self):
        page = "<!-- begin calls -->\nold\n<!-- end -->\n<!-- begin scale -->\nold\n<!-- end -->"
        self.assertIn("<!-- begin scale -->\nold\n", filled(page, {"calls": "new"}))

    def test_filling_twice_changes_nothing_more(self):
        once = filled("<!-- begin calls -->\n<!-- end -->", {"calls": "x\n\ny"})
        self.assertEqual(filled(once, {"calls": "x\n\ny"}), once)


class Tables(unittest.TestCase):
    def test_calls_have_the_medians_of_each_stack_and_the_ratio_to_cpp(self):
        lines = parts([RPC])["calls"].splitlines()
        self.assertIn("| unary, calls/s | 4,000 | 1,000 |  |  |  | 4.00 x, 4.00 to 4.00 |", lines)

    def test_with_policies_ours_is_the_rate_with_them(self):
        self.assertIn("| with policies, calls/s | 3,900 |  |  |  |  |  |", parts([RPC])["calls"].splitlines())

    def test_how_cores_halted_is_told_where_it_is_known(self):
        self.assertNotIn("ores halt", parts([RPC])["calls"])
        settings = RPC["settings"] | {"halting": "cores halt as the machine has it"}
        words = " ".join(parts([RPC | {"settings": settings}])["calls"].split())
        self.assertIn("took 20% of the cores. Cores halt as the machine has it. |", words)

    def test_what_is_behind_is_named_and_a_longer_time_is_behind(self):
        self.assertEqual(parts([RPC])["calls"].splitlines()[-1], "Behind gRPC C++ are: one call in flight, p50.")

    def test_a_report_fills_only_the_sections_that_it_has_figures_for(self):
        self.assertEqual(list(parts([RPC])), ["calls"])
        self.assertEqual(list(parts([RPC, COUNTS])), ["calls", "counts"])

    def test_counts_are_told_by_who_is_counted(self):
        lines = parts([COUNTS])["counts"].splitlines()
        self.assertEqual(lines[2], "| server, 8 connections x 32 streams | 5.97 | 0.06 | 44,842 |")
        self.assertEqual(lines[4], "| client, 32 in flight on one connection | 9.00 |  | 9.00 |")


class Pictures(unittest.TestCase):
    def test_a_report_draws_what_it_has_figures_for(self):
        self.assertEqual(list(drawings(RPC)), ["throughput", "latency"])
        self.assertEqual(list(drawings(COUNTS)), [])

    def test_a_picture_says_its_figures_in_words_and_who_disturbed_them(self):
        picture = drawings(RPC)["throughput"](RPC, LIGHT).render()
        self.assertIn("unary: Bulwark 4,000 calls/s, gRPC C++ 1,000 calls/s", picture)
        self.assertIn("other programs took 20% of the cores", picture)

    def test_dark_and_light_differ_in_colours_alone(self):
        def shapes(theme):
            text = drawings(RPC)["latency"](RPC, theme).render()
            for color in {theme.text, theme.quiet, theme.line, *theme.series}:
                text = text.replace(color, "")
            return text

        self.assertEqual(shapes(LIGHT), shapes(DARK))
