"""Our client calls a server that is not ours: the cases of README.md, each a run of `interop-peer client`."""

import collections

import pytest

from programs import Program, binary, grpcio_server

CASES = [
    "empty_unary",
    "large_unary",
    "collect",
    "collect_nothing",
    "expand",
    "expand_nothing",
    "converse",
    "converse_nothing",
    "metadata",
    "status_codes",
    "status_message",
    "error_details",
    "malformed_details",
    "failure_after_messages",
    "failure_before_requests_end",
    "unimplemented",
    "deadline",
    "deadline_in_stream",
    "deadline_seen",
    "cancel_unary",
    "cancel_in_stream",
    "cancel_while_sending",
    "message_limit",
    "thousand_calls",
    "backpressure",
    "swift_protobuf",
]
CASE_SECONDS = 30

pytestmark = pytest.mark.usefixtures("needs_our_programs")


def client(programs: list[Program], target: str, case: str, *options: str) -> Program:
    program = Program(binary("interop-peer"), "client", "--target", target, "--case", case, *options)
    programs.append(program)
    return program


def must_pass(program: Program, case: str, seconds: float = CASE_SECONDS) -> None:
    code = program.wait(seconds)
    assert code == 0 and f"ok {case}" in program.lines, program.describe("failed")


def test_the_program_has_the_cases_of_the_readme(programs):
    program = Program(binary("interop-peer"), "client", "--list")
    programs.append(program)
    assert program.wait(CASE_SECONDS) == 0
    assert sorted(program.lines) == sorted([*CASES, "restart", "keepalive", "goodbye", "credentials"])


@pytest.mark.parametrize("case", CASES)
def test_our_client_against_grpcio(programs, case):
    server = grpcio_server("--max-receive", str(8 << 20))
    programs.append(server)
    must_pass(client(programs, server.target, case), case)


@pytest.mark.parametrize("case", CASES)
def test_our_client_against_our_server(programs, interop_server, case):
    must_pass(client(programs, interop_server.target, case), case)


def test_a_client_without_a_server_says_so(programs, grpcio_peer):
    grpcio_peer.kill()
    program = client(programs, grpcio_peer.target, "empty_unary")
    assert program.wait(CASE_SECONDS) == 1
    assert "UNAVAILABLE" in "\n".join(program.lines)


@pytest.mark.parametrize("whose", ["grpcio", "ours"])
def test_nothing_hangs_or_runs_twice_when_the_server_is_killed_under_load(programs, tmp_path, interop_server, whose):
    journal = tmp_path / "journal"
    server = interop_server
    if whose == "grpcio":
        server = grpcio_server("--journal", str(journal))
        programs.append(server)
    load = client(programs, server.target, "restart", "--seconds", "6")
    load.wait_for_line("^running$")
    server.kill()
    programs.append(server.restarted())
    must_pass(load, "restart")
    if whose == "grpcio":
        handled = collections.Counter(journal.read_text().split())
        assert handled, "the journal holds every call that reached a handler"
        assert [key for key, count in handled.items() if count > 1] == []
