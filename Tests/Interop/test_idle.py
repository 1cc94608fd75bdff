"""The short form of `dev/bench idle`: what a connection costs that has made one call and says nothing more."""

import pytest

from idle import allow_descriptors, measure
from programs import Server, binary

CONNECTIONS = 1_000
MAX_KIB_EACH = 24

pytestmark = pytest.mark.usefixtures("needs_our_programs")


def test_an_idle_connection_is_kept_and_costs_little(programs):
    allow_descriptors(CONNECTIONS)
    server = Server(binary("interop-peer"), "server")
    programs.append(server)
    cost = measure(server, server.port, CONNECTIONS)
    print(f"{cost.kib_each:.1f} KiB each")
    assert cost.alive == CONNECTIONS
    assert cost.kib_each <= MAX_KIB_EACH
