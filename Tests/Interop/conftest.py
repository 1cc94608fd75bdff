"""Fixtures: each test has server processes of its own, on ports that the system chose."""

import pytest

from programs import Program, Server, binary, grpcio_server

# The chain that every node of a test is on; grpcio_server.py has the same defaults.
CHAIN_ID = "interop"
VALIDATORS = 4


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--self-check",
        action="store_true",
        help="judge the suites: grpcio's own server stands in for our programs",
    )


@pytest.fixture
def self_check(request: pytest.FixtureRequest) -> bool:
    return request.config.getoption("--self-check")


@pytest.fixture
def programs():
    """A list; every program put into it is killed when the test ends."""
    running: list[Program] = []
    yield running
    for program in running:
        program.kill()


def served(name: str, *options: str):
    """A fixture: a running server program of ours, or grpcio's in its place, that must end cleanly."""

    @pytest.fixture
    def fixture(self_check: bool, programs: list[Program]):
        server = grpcio_server() if self_check else Server(binary(name), *options)
        programs.append(server)
        yield server
        if server.is_running:
            server.stop()

    return fixture


interop_server = served("interop-peer", "server")
channelz_server = served("interop-peer", "server", "--channelz")
bench_server = served("bench-server")
consensus_node = served("consensus-node", "--chain-id", CHAIN_ID, "--validators", str(VALIDATORS))
mock_node = served(
    *("consensus-node", "--chain-id", CHAIN_ID, "--mock"),
    *("--mock-fault", "SubmitVote:first=2/3,code=INTERNAL", "--mock-fault", "GetDuties:hang"),
)


@pytest.fixture
def grpcio_peer(programs: list[Program]) -> Server:
    """PyPI's grpcio as the server, for our clients."""
    server = grpcio_server()
    programs.append(server)
    return server


@pytest.fixture
def needs_our_programs(self_check: bool) -> None:
    if self_check:
        pytest.skip("judges our programs only")
