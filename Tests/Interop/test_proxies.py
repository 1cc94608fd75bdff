"""nghttpx and nginx's grpc_pass between our client and our server: all that goes through them, and how they end.

What each does of its own accord, of the versions that Debian 12 has:

- nginx 1.22 says GOAWAY without a warning before it, when it is reloaded and after `keepalive_requests`, and goes on only
  with the streams that it has seen by then. Those that were on their way have to be sent again, streaming calls included.
- nghttpx 1.52 says GOAWAY for no stream first, as gRPC's servers do. It ends the connection of a client that resets more
  than 1,000 streams at once, or 33 a second (nghttp2's guard against CVE-2023-44487), with INTERNAL_ERROR: so its load is
  one whose calls are all answered.
"""

import signal
import time

import pytest

from programs import Program, Server, binary
from proxies import Proxy, start_proxy
from test_grpcio_server import CASES, client, must_pass

SECONDS = 30
# After so many nginx ends a connection. More than there are callers, so that a call is not refused twice.
REQUESTS = 100

pytestmark = pytest.mark.usefixtures("needs_our_programs")


@pytest.fixture
def serve(programs):
    """Starts our server with options."""

    def serve(*options: str) -> Server:
        server = Server(binary("interop-peer"), "server", *options)
        programs.append(server)
        return server

    return serve


@pytest.fixture(params=["nghttpx", "nginx"])
def put_before(request, programs, tmp_path):
    """Starts a proxy before a server."""

    def put_before(server: Server, **options: int) -> Proxy:
        proxy = start_proxy(request.param, server.port, tmp_path, **options)
        programs.append(proxy)
        return proxy

    return put_before


@pytest.mark.parametrize("case", CASES)
def test_our_client_calls_our_server_through_a_proxy(programs, serve, put_before, case):
    proxy = put_before(serve())
    must_pass(client(programs, proxy.target, case), case)


def soak(programs: list[Program], proxy: Proxy, *options: str) -> Program:
    """Calls through a proxy, in as many ways as it puts up with."""
    if proxy.name == "nghttpx":
        options = (*options, "--answered")
    program = Program(binary("interop-peer"), "soak", "--target", proxy.target, "--callers", "50", *options)
    programs.append(program)
    program.wait_for_line("^running$")
    return program


def must_pass_soak(calls: Program) -> int:
    """The number of its calls, none of which was lost."""
    code = calls.wait(SECONDS)
    assert code == 0 and "ok soak" in calls.lines, calls.describe("failed")
    return int(calls.wait_for_line(r"^client: (\d+) calls started")[1])


def test_no_call_is_lost_when_a_proxy_is_reloaded(programs, serve, put_before):
    proxy = put_before(serve())
    calls = soak(programs, proxy, "--seconds", "2")
    before = proxy.workers()
    proxy.reload()
    must_pass_soak(calls)
    assert proxy.workers() and not set(before) & set(proxy.workers()), proxy.describe("kept its old workers")


def test_no_call_is_lost_when_nginx_ends_connection_after_connection(programs, serve, tmp_path):
    proxy = start_proxy("nginx", serve().port, tmp_path, requests=REQUESTS)
    programs.append(proxy)
    count = must_pass_soak(soak(programs, proxy, "--seconds", "2"))
    assert count > 5 * REQUESTS, f"{count} calls are too few to say"


def test_a_call_that_is_open_outlives_the_goodbye_of_a_proxy(programs, serve, put_before):
    proxy = put_before(serve())
    call = client(programs, proxy.target, "goodbye")
    call.wait_for_line("^running$")
    proxy.process.send_signal(signal.SIGQUIT)
    must_pass(call, "goodbye")
    assert proxy.wait(SECONDS) == 0, proxy.describe("did not end cleanly")


def test_pings_are_answered_through_both_halves_until_a_proxy_stands_still(programs, serve, put_before):
    proxy = put_before(serve("--keepalive-time", "0.2", "--keepalive-timeout", "0.5"))
    options = ("--keepalive-time", "0.2", "--keepalive-timeout", "0.5")
    calls = client(programs, proxy.target, "keepalive", *options)
    calls.wait_for_line("^running$")
    time.sleep(1)
    assert not any(line.startswith("lost") for line in calls.lines), calls.describe("has lost its call")
    proxy.signal_workers(signal.SIGSTOP)
    calls.wait_for_line("^lost: keepalive watchdog timeout$")
    proxy.signal_workers(signal.SIGCONT)
    must_pass(calls, "keepalive")
