"""Two processes under load, one of which is stopped (SIGSTOP) or killed (SIGKILL): what the other makes of it."""

import os
import signal
import time

import pytest

from programs import Program, Server, binary

CALLERS = 200
# How long a stopped process stands still. BULWARK_CHAOS_SECONDS makes the whole of it longer.
STANDSTILL_SECONDS = float(os.environ.get("BULWARK_CHAOS_SECONDS", "2"))
TIMEOUT_MS = 800
# gRPC's first backoff is 1 s with a fifth of jitter; the rest is for a machine that is busy.
RECOVERY_SECONDS = 1.2 + 2

pytestmark = pytest.mark.usefixtures("needs_our_programs")


@pytest.fixture
def server(programs: list[Program]) -> Server:
    server = Server(binary("interop-peer"), "server", "--count-calls")
    programs.append(server)
    return server


def load(programs: list[Program], server: Server, seconds: float) -> Program:
    program = Program(
        *(binary("interop-peer"), "soak", "--target", server.target, "--callers", str(CALLERS)),
        *("--seconds", str(seconds), "--timeout-ms", str(TIMEOUT_MS), "--outages"),
    )
    programs.append(program)
    program.wait_for_line("^running$")
    return program


def must_be_answered_again(load: Program) -> None:
    started = time.monotonic()
    load.wait_for_line("^answered again$")
    took = time.monotonic() - started
    assert took < RECOVERY_SECONDS, load.describe(f"was answered again only after {took:.1f} s")


def must_pass(load: Program) -> None:
    code = load.wait(STANDSTILL_SECONDS + 30)
    assert code == 0 and "ok soak" in load.lines, load.describe("failed")


def counted(server: Server) -> tuple[int, int]:
    """How many calls the server says have begun, and have ended."""
    server.stop()
    match = server.wait_for_line(r"^server: (\d+) calls started, (\d+) ended$")
    return int(match[1]), int(match[2])


def eventually(what: str, condition) -> None:
    deadline = time.monotonic() + 10
    while not condition():
        assert time.monotonic() < deadline, what
        time.sleep(0.02)


def test_a_server_that_is_killed_costs_only_the_calls_in_flight(programs, server):
    calls = load(programs, server, 6)
    server.kill()
    calls.wait_for_line("^an outage$")
    programs.append(server.restarted())
    must_be_answered_again(calls)
    must_pass(calls)


def test_a_server_that_stands_still_costs_each_call_no_more_than_its_deadline(programs, server):
    calls = load(programs, server, STANDSTILL_SECONDS + 3)
    server.process.send_signal(signal.SIGSTOP)
    calls.wait_for_line("^an outage$")
    time.sleep(STANDSTILL_SECONDS)
    server.process.send_signal(signal.SIGCONT)
    must_be_answered_again(calls)
    must_pass(calls)
    started, ended = counted(server)
    assert started == ended > 0


@pytest.mark.parametrize("first", [None, signal.SIGSTOP])
def test_a_client_that_is_gone_leaves_no_handler_and_no_descriptor(programs, server, first):
    # What a server makes with its first calls and keeps, timers above all, is no leak.
    must_pass(load(programs, server, 1))
    idle = server.descriptors()
    calls = load(programs, server, 60)
    assert server.descriptors() > idle
    if first:
        calls.process.send_signal(first)
        time.sleep(STANDSTILL_SECONDS)
    calls.kill()
    eventually(f"{idle} descriptors were open before, still more are", lambda: server.descriptors() <= idle)
    started, ended = counted(server)
    assert started == ended > 0
