"""gRPC C++ on the other end, both ways: the cases of README.md."""

import pytest

from cpp_peers import cpp_binary
from programs import Program, Server
from test_grpcio_server import CASES as OUR_CASES
from test_grpcio_server import CASE_SECONDS, client, must_pass

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
    "failure_after_messages",
    "unimplemented",
    "deadline",
    "deadline_seen",
    "cancel_unary",
    "cancel_in_stream",
    "cancel_while_sending",
    "thousand_calls",
]

pytestmark = pytest.mark.timeout(300)


@pytest.fixture
def cpp_server(programs) -> Server:
    server = Server(cpp_binary("server"))
    programs.append(server)
    return server


def cpp_client(programs: list[Program], *options: str) -> Program:
    program = Program(cpp_binary("client"), *options)
    programs.append(program)
    return program


def test_the_client_has_these_cases(programs):
    program = cpp_client(programs, "--list")
    assert program.wait(CASE_SECONDS) == 0
    assert program.lines == CASES


@pytest.mark.parametrize("case", CASES)
def test_a_cpp_client_calls_our_server(programs, interop_server, case):
    must_pass(cpp_client(programs, "--target", interop_server.target, "--case", case), case)


# The C++ server has no tally service, which is there for swift-protobuf's stubs.
@pytest.mark.parametrize("case", [case for case in OUR_CASES if case != "swift_protobuf"])
def test_our_client_calls_a_cpp_server(programs, needs_our_programs, cpp_server, case):
    must_pass(client(programs, cpp_server.target, case), case)
    cpp_server.stop()
