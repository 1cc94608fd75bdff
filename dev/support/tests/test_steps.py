import unittest

from bench.callgrind import Function, parsed
from bench.steps import OWN, REST, Step, attributed, sites, table

PROFILE = """\
positions: line
events: Ir
ob=(1) /build/bench-server
fl=(1) ???
fn=(1) read
0 100
cfn=(2) decode
calls=2 0
0 90
cob=(2) /usr/lib/libswiftCore.so
cfi=(2) ???
cfn=(3) swift_retain
calls=3 0
0 15

fn=(2)
0 40
cob=(2)
cfi=(2)
cfn=(4) swift_slowAlloc
calls=2 0
0 50
cob=(2)
cfi=(2)
cfn=(3)
calls=1 0
0 5

ob=(2)
fn=(3)
0 20

fn=(4)
0 10
cob=(3) /lib/libc.so.6
cfi=(3) ./malloc/malloc.c
cfn=(5) malloc
calls=2 130
0 40

ob=(3)
fn=(5)
130 38
+3 2
"""
READ, DECODE = Function("bench-server", "read"), Function("bench-server", "decode")
RETAIN, ALLOC = Function("libswiftCore", "swift_retain"), Function("libswiftCore", "swift_slowAlloc")
MALLOC = Function("libc", "malloc")
NAMES = {
    READ: "Transport: read()",
    DECODE: "Messages: decode()",
    RETAIN: "libswiftCore: swift_retain",
    ALLOC: "libswiftCore: swift_slowAlloc",
    MALLOC: "libc: malloc",
}
STEPS = (Step("reading", "Transport"), Step("decoding", "Messages"))


def costs():
    return attributed(parsed(PROFILE.splitlines()), NAMES, STEPS)


class Profiles(unittest.TestCase):
    def test_a_function_has_what_it_computes_itself(self):
        self.assertEqual(parsed(PROFILE.splitlines()).own[READ], 100)

    def test_numbers_stand_for_names_that_came_before_and_lines_may_be_relative(self):
        self.assertEqual(parsed(PROFILE.splitlines()).own[MALLOC], 40)

    def test_a_call_belongs_to_the_library_that_is_named_before_it(self):
        profile = parsed(PROFILE.splitlines())
        self.assertEqual(profile.calls[READ, RETAIN], 3)
        self.assertEqual(profile.calls[READ, DECODE], 2)
        self.assertEqual(profile.spent[ALLOC, MALLOC], 40)

    def test_what_few_calls_cost_is_taken_off_and_the_rest_shared_by_calls(self):
        many, few = parsed(PROFILE.splitlines()), parsed(PROFILE.replace("0 100", "0 60").splitlines())
        self.assertEqual(many.less(few, calls=4).own[READ], 10)


class Attribution(unittest.TestCase):
    def test_a_function_of_a_step_counts_for_it(self):
        found = costs().instructions
        self.assertEqual((found["Transport: read()", OWN], found["Messages: decode()", OWN]), (100, 40))

    def test_reference_counts_are_charged_by_how_often_each_caller_asks(self):
        found = costs().instructions
        self.assertEqual((found["Transport: read()", "references"], found["Messages: decode()", "references"]), (15, 5))

    def test_what_the_runtime_asks_of_the_allocator_is_charged_to_who_asked_the_runtime(self):
        self.assertEqual(costs().instructions["Messages: decode()", "allocating"], 50)

    def test_allocations_are_counted_where_they_are_asked_for(self):
        self.assertEqual(dict(costs().allocations), {"Messages: decode()": 2})

    def test_no_instruction_is_lost_or_counted_twice(self):
        self.assertEqual(sum(costs().instructions.values()), parsed(PROFILE.splitlines()).total)

    def test_functions_that_call_each_other_in_a_circle_end_it_at_their_caller(self):
        profile = parsed(PROFILE.splitlines())
        profile.calls[MALLOC, ALLOC] = 2
        profile.spent[MALLOC, ALLOC] = 1
        found = attributed(profile, NAMES, STEPS).instructions
        self.assertAlmostEqual(found["Messages: decode()", "allocating"], 50, delta=0.01)

    def test_what_nobody_of_a_step_has_called_is_shown_as_such(self):
        profile = parsed(PROFILE.splitlines())
        profile.own[Function("libc", "start_thread")] = 7
        names = NAMES | {Function("libc", "start_thread"): "libc: start_thread"}
        self.assertEqual(attributed(profile, names, STEPS).instructions["elsewhere", REST], 7)


class Tables(unittest.TestCase):
    def test_the_table_has_a_line_for_each_step_and_sums_up_what_it_shows(self):
        lines = table(costs(), STEPS).splitlines()
        self.assertEqual(lines[2], "| reading | 100 | 15 | 0 | 0 | 0 | 115 | 54.8% | 0.00 |")
        self.assertEqual(lines[3], "| decoding | 40 | 5 | 50 | 0 | 0 | 95 | 45.2% | 2.00 |")
        self.assertEqual(lines[-1], "| all | 140 | 20 | 50 | 0 | 0 | 210 | 100.0% | 2.00 |")

    def test_sites_name_the_functions_that_allocate(self):
        self.assertEqual(sites(costs()).splitlines()[2:], ["| 2.00 | `decode()` |"])
