"""nghttpx and nginx's grpc_pass between our client and our server: all that goes through them, and how they end."""

import os
import signal
import time

import pytest

from programs import Program, Server, binary
from proxies import Proxy, start_proxy
from test_grpcio_server import CASES, CASE_SECONDS, client, must_pass

SECONDS = 30

pytestmark = [
    pytest.mark.usefixtures("needs_our_programs"),
    # Not by itself yet. nghttpx ends a connection whose client resets streams faster than nghttp2's own guard allows
    # (1,000 at once, 33 a second), as the soak does; and of 37 reloads of nginx 4 lost a few calls, for a reason not
    # known yet.
    pytest.mark.skipif(not os.environ.get("BULWARK_PROXIES"), reason="set BULWARK_PROXIES=1 to run it"),
]


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


def soak(programs: list[Program], target: str, *options: str) -> Program:
    program = Program(binary("interop-peer"), "soak", "--target", target, "--callers", "50", *options)
    programs.append(program)
    program.wait_for_line("^running$")
    return program


def must_pass_soak(calls: Program) -> None:
    code = calls.wait(SECONDS)
    assert code == 0 and "ok soak" in calls.lines, calls.describe("failed")


def test_no_call_is_lost_when_a_proxy_says_goaway(programs, serve, put_before):
    proxy = put_before(serve())
    calls = soak(programs, proxy.target, "--seconds", "3")
    before = proxy.workers()
    proxy.reload()
    must_pass_soak(calls)
    assert proxy.workers() and not set(before) & set(proxy.workers()), proxy.describe("kept its old workers")


def test_pings_are_answered_through_both_halves_until_a_proxy_stands_still(programs, serve, put_before):
    proxy = put_before(serve("--keepalive-time", "0.2", "--keepalive-timeout", "0.5"))
    options = ("--keepalive-time", "0.2", "--keepalive-timeout", "0.5")
    calls = client(programs, proxy.target, "keepalive", *options)
    calls.wait_for_line("^running$")
    time.sleep(2)
    assert not any(line.startswith("lost") for line in calls.lines), calls.describe("has lost its call")
    proxy.signal_workers(signal.SIGSTOP)
    calls.wait_for_line("^lost: keepalive watchdog timeout$")
    proxy.signal_workers(signal.SIGCONT)
    must_pass(calls, "keepalive")
