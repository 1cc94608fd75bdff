"""How long connections live: pings that are asked for, permitted or refused, peers that stop, connections that end."""

import pathlib
import queue
import signal
import sys
import time

import grpc
import h2.errors
import pytest

import http2_peer
from frames import message
from programs import Program, Server, binary, grpcio_server
from stubs import interop, interop_grpc

SECONDS = 30
TOO_MANY = b"too_many_pings"
End = interop.HandlerEndResponse
Connectivity = grpc.ChannelConnectivity

pytestmark = pytest.mark.usefixtures("needs_our_programs")

# A client that says when its call is answered in part, and waits for the rest.
HOLDER = """
import sys, grpc
sys.path.insert(0, sys.argv[2])
from stubs import interop, interop_grpc
stub = interop_grpc.InteropStub(grpc.insecure_channel(sys.argv[1]))
responses = stub.Converse(iter([interop.EchoRequest(key="held"), interop.EchoRequest(delay_ms=60000)]))
next(responses)
print("held", flush=True)
next(responses)
"""


@pytest.fixture
def serve(programs):
    """Starts our server with options."""

    def serve(*options: str) -> Server:
        server = Server(binary("interop-peer"), "server", *options)
        programs.append(server)
        return server

    return serve


@pytest.fixture
def run(programs):
    """Runs our client's case `keepalive`."""

    def run(target: str, keepalive_time: float, timeout: float = 20) -> Program:
        options = ("--keepalive-time", str(keepalive_time), "--keepalive-timeout", str(timeout))
        program = Program(binary("interop-peer"), "client", "--target", target, "--case", "keepalive", *options)
        programs.append(program)
        return program

    return run


def pinging(target: str, seconds: float, without_calls: bool = False) -> grpc.Channel:
    """A channel of grpcio that pings as soon as nothing has come for so long."""
    options = {
        "grpc.keepalive_time_ms": int(seconds * 1000),
        "grpc.keepalive_permit_without_calls": int(without_calls),
        "grpc.http2.max_pings_without_data": 0,
        "grpc.use_local_subchannel_pool": 1,
        "grpc.initial_reconnect_backoff_ms": 100,
    }
    return grpc.insecure_channel(target, list(options.items()))


def hold(channel: grpc.Channel, seconds: float) -> grpc.StatusCode:
    """How a call ends whose answer takes so long."""
    try:
        request = interop.EchoRequest(delay_ms=int(seconds * 1000))
        interop_grpc.InteropStub(channel).Echo(request, timeout=SECONDS, wait_for_ready=True)
        return grpc.StatusCode.OK
    except grpc.RpcError as error:
        return error.code()


def states(channel: grpc.Channel) -> "queue.Queue[Connectivity]":
    """What becomes of the channel's connection, from now on."""
    seen: queue.Queue[Connectivity] = queue.Queue()
    channel.subscribe(seen.put, try_to_connect=True)
    return seen


def wait_for(seen: "queue.Queue[Connectivity]", *wanted: Connectivity) -> None:
    while seen.get(timeout=SECONDS) not in wanted:
        pass


# A stock client and our server


def test_a_client_that_pings_too_often_is_sent_away_until_it_obeys(serve):
    """grpcio doubles its time after the complaint; it never pings more often than once a second."""
    server = serve("--min-ping-interval", "1.7")
    with pinging(server.target, 1) as channel:
        assert [hold(channel, 7).name for _ in range(2)] == ["UNAVAILABLE", "OK"]


def test_pings_that_are_permitted_are_answered(serve):
    server = serve("--min-ping-interval", "0.05")
    with pinging(server.target, 1) as channel:
        assert hold(channel, 5) == grpc.StatusCode.OK


def test_a_client_without_calls_may_not_ping_though_it_may_with_calls(serve):
    server = serve("--min-ping-interval", "0.05")
    with pinging(server.target, 1, without_calls=True) as channel:
        seen = states(channel)
        wait_for(seen, Connectivity.READY)
        wait_for(seen, Connectivity.IDLE, Connectivity.TRANSIENT_FAILURE)


def test_a_client_that_is_stopped_loses_its_call(serve, programs):
    server = serve("--keepalive-time", "0.5", "--keepalive-timeout", "0.5")
    client = Program(sys.executable, "-c", HOLDER, server.target, str(pathlib.Path(__file__).parent))
    programs.append(client)
    client.wait_for_line("^held$")
    client.process.send_signal(signal.SIGSTOP)
    with grpc.insecure_channel(server.target) as channel:
        request = interop.HandlerEndRequest(key="held")
        assert interop_grpc.InteropStub(channel).HandlerEnd(request, timeout=SECONDS).end == End.END_CANCELLED


def test_calls_go_on_across_connections_that_become_too_old(serve):
    server = serve("--max-age", "0.3")
    with grpc.insecure_channel(server.target) as channel:
        seen, ends = states(channel), 0
        deadline = time.monotonic() + SECONDS
        while ends < 3 and time.monotonic() < deadline:
            assert hold(channel, 0) == grpc.StatusCode.OK
            ends += sum(seen.get_nowait() == Connectivity.IDLE for _ in range(seen.qsize()))
        assert ends == 3


def test_a_call_that_outlives_the_grace_is_unavailable(serve):
    server = serve("--max-age", "0.3", "--max-age-grace", "0.3")
    with grpc.insecure_channel(server.target) as channel, pytest.raises(grpc.RpcError) as caught:
        interop_grpc.InteropStub(channel).Echo(interop.EchoRequest(delay_ms=60000), timeout=SECONDS)
    assert caught.value.code() == grpc.StatusCode.UNAVAILABLE
    assert "maximum age" in caught.value.details()


def test_a_connection_without_calls_is_ended(serve):
    server = serve("--max-idle", "0.3")
    with grpc.insecure_channel(server.target) as channel:
        seen = states(channel)
        wait_for(seen, Connectivity.READY)
        wait_for(seen, Connectivity.IDLE)
        assert hold(channel, 0) == grpc.StatusCode.OK


# Our client and stock servers


def test_a_server_that_is_stopped_loses_its_call_and_answers_the_next(grpcio_peer, run):
    client = run(grpcio_peer.target, 0.5, timeout=0.5)
    client.wait_for_line("^running$")
    grpcio_peer.process.send_signal(signal.SIGSTOP)
    client.wait_for_line("^lost: keepalive watchdog timeout$")
    grpcio_peer.process.send_signal(signal.SIGCONT)
    assert client.wait(SECONDS) == 0, client.describe("failed")


def test_our_client_pings_a_server_that_does_not_like_it_and_goes_on(grpcio_peer, run):
    client = run(grpcio_peer.target, 0.1)
    client.wait_for_line("^lost: Too many pings$")
    assert client.wait(SECONDS) == 0, client.describe("failed")


class Echo(http2_peer.Peer):
    """Answers the first call of its first connection and every one of later connections."""

    def requested(self, connection, stream):
        if stream == 1 or connection is not self.connections[0]:
            connection.respond(stream, message(interop.EchoResponse().SerializeToString()))
        else:
            self.held(connection)

    def held(self, connection):
        pass


class Deaf(Echo):
    """Reads on, and answers nothing any more."""

    def held(self, connection):
        while connection.receive():
            pass


class Complaining(http2_peer.Peer):
    """Answers the first call; from then on two connections are ended for their first PING, and the third is served."""

    def __init__(self):
        super().__init__()
        self.quiet: list[float] = []

    def started(self, connection):
        connection.last_sent = time.monotonic()

    def requested(self, connection, stream):
        if connection is self.connections[0] and stream == 1:
            connection.last_sent = time.monotonic()
            self.answer(connection, stream)
        else:
            connection.held = stream

    def answer(self, connection, stream):
        connection.respond(stream, message(interop.EchoResponse().SerializeToString()))

    def pinged(self, connection):
        self.quiet.append(time.monotonic() - connection.last_sent)
        if len(self.quiet) < 3:
            connection.h2.close_connection(h2.errors.ErrorCodes.ENHANCE_YOUR_CALM, TOO_MANY, last_stream_id=0)
        else:
            self.answer(connection, connection.held)


def test_a_server_that_answers_no_ping_is_left(run):
    peer = Deaf()
    client = run(f"127.0.0.1:{peer.port}", 0.3, timeout=0.3)
    client.wait_for_line("^lost: keepalive watchdog timeout$")
    assert client.wait(SECONDS) == 0, client.describe("failed")
    peer.close()
    assert len(peer.connections) >= 2


def test_each_complaint_doubles_the_time_between_our_pings(run):
    peer = Complaining()
    client = run(f"127.0.0.1:{peer.port}", 0.2)
    assert client.wait(SECONDS) == 0, client.describe(f"failed; the peer says {peer.errors}")
    peer.close()
    assert len(peer.quiet) == 3
    assert all(quiet >= least for quiet, least in zip(peer.quiet, [0.2, 0.4, 0.8])), peer.quiet
