"""consensus-demo keeps what its scenes promise, and says so in a plain log."""

import re

import pytest

from programs import Program, binary

pytestmark = pytest.mark.usefixtures("needs_our_programs")


def play(programs: list[Program], *options: str) -> Program:
    program = Program(binary("consensus-demo"), *options)
    programs.append(program)
    assert program.wait(60) == 0, program.describe("should have kept everything")
    return program


def test_a_burst_meets_its_limit(programs):
    program = play(programs, "--scene", "2")
    passed, refused, milliseconds = map(int, program.wait_for_line(r"kept .* (\d+) and (\d+), in (\d+) ms$").groups())
    assert passed + refused == 150
    # One more for each 100 ms that it took to make the calls, which is none on an idle machine.
    assert 100 <= passed <= 100 + milliseconds / 100
    soonest, latest = map(int, program.wait_for_line(r"kept .* told (\d+) ms to (\d+) ms$").groups())
    assert 0 < soonest <= latest <= 100
    later = int(program.wait_for_line(r"kept +a second later 10 more pass +(\d+) answered").group(1))
    handled = int(program.wait_for_line(r"kept .* (\d+) handled$").group(1))
    assert handled == passed + later
    # A strip of marks for each of the two bursts.
    marks = "".join(line.strip() for line in program.lines if re.fullmatch(r" {5}[.x|#-]+", line))
    assert (marks.count("."), len(marks)) == (handled, 180)


def test_a_log_has_short_lines_without_control_characters(programs):
    program = play(programs, "--scene", "6", "--heights", "4")
    assert program.wait_for_line(r"kept +three nodes have all heights, the same blocks +4, 4, 4; head [0-9a-f]{12}$")
    assert program.wait_for_line(r"kept +node 3 stops half-way, on the same chain +2 blocks$")
    assert all(len(line) < 100 and line.isprintable() for line in program.lines), program.describe("has a bad line")


@pytest.mark.parametrize("options", [["--scene", "8"], ["--heights", "1"], ["--python", "python3"]])
def test_a_wrong_option_is_told(programs, options):
    program = Program(binary("consensus-demo"), *options)
    programs.append(program)
    assert program.wait(30) == 64, program.describe("should have refused to start")
