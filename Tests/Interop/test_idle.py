"""Many connections on one server: what each costs that has made a call and says nothing more, and a burst of them."""

import contextlib
import signal

import pytest

from frames import Connection
from idle import allow_descriptors, measure
from programs import Server, binary

CONNECTIONS = 1_000
MAX_KIB_EACH = 17

pytestmark = pytest.mark.usefixtures("needs_our_programs")


@pytest.fixture
def server(programs) -> Server:
    allow_descriptors(CONNECTIONS)
    server = Server(binary("interop-peer"), "server")
    programs.append(server)
    return server


def test_an_idle_connection_is_kept_and_costs_little(server):
    """The short form of `dev/bench idle`."""
    cost = measure(server, server.port, CONNECTIONS)
    print(f"{cost.kib_each:.1f} KiB each")
    assert cost.alive == CONNECTIONS
    assert cost.kib_each <= MAX_KIB_EACH


def test_connections_that_come_all_at_once_wait_for_a_server_that_is_busy(server):
    server.process.send_signal(signal.SIGSTOP)
    with contextlib.ExitStack() as stack:
        burst = [stack.enter_context(Connection(server.port)) for _ in range(CONNECTIONS)]
        server.process.send_signal(signal.SIGCONT)
        assert all(connection.read(20) for connection in burst)
