"""The negative HTTP/2 cases of gRPC: our client and servers that misbehave on purpose (`http2_peer.py`)."""

import pytest

import http2_peer
from programs import Program, binary

CASE_SECONDS = 40

pytestmark = pytest.mark.usefixtures("needs_our_programs")


@pytest.fixture
def run(programs):
    """Runs a case of `interop-client` against a peer; returns the connections that the peer has seen."""

    def run(peer: http2_peer.Peer, case: str) -> list[http2_peer.Connection]:
        program = Program(
            binary("interop-client"),
            *("--server_host", "127.0.0.1", "--server_port", str(peer.port), "--test_case", case),
        )
        programs.append(program)
        assert program.wait(CASE_SECONDS) == 0, program.describe(f"failed; the peer says {peer.errors}")
        peer.close()
        return peer.connections

    return run


def test_goaway_sends_the_next_call_to_a_new_connection(run):
    assert [connection.requests for connection in run(http2_peer.GoAway(), "goaway")] == [1, 1]


@pytest.mark.parametrize(
    ("peer", "case"),
    [
        (http2_peer.ResetAfterHeader, "rst_after_header"),
        (http2_peer.ResetDuringData, "rst_during_data"),
        (http2_peer.ResetAfterData, "rst_after_data"),
    ],
)
def test_a_reset_fails_the_call_once(run, peer, case):
    assert [connection.requests for connection in run(peer(), case)] == [1]


def test_every_ping_is_acknowledged(run):
    (connection,) = run(http2_peer.Ping(), "ping")
    assert connection.ping_acks == connection.pings == 3


def test_no_more_streams_are_open_than_the_server_allows(run):
    (connection,) = run(http2_peer.MaxStreams(), "max_streams")
    assert (connection.requests, connection.most_open) == (11, 1)


def test_padding_is_given_back_to_the_windows(run):
    run(http2_peer.PaddedData(), "large_unary")


def test_small_frames_without_padding_are_the_sanity_check_of_it(run):
    run(http2_peer.SmallData(), "large_unary")
