"""A stock client looks into a process of ours: grpcio's channelz package."""

import ipaddress

import grpc
import pytest
import trustme
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding
from grpc_channelz.v1 import channelz_pb2, channelz_pb2_grpc

from programs import Server, binary
from stubs import interop, interop_grpc

pytestmark = pytest.mark.usefixtures("needs_our_programs")

State = channelz_pb2.ChannelConnectivityState
# grpcio shares a connection between channels of the same target and options otherwise.
OWN_CONNECTION = [("grpc.use_local_subchannel_pool", 1)]


@pytest.fixture
def looked_at(channelz_server):
    """A server of ours, a channel to it, and channelz on that channel."""
    with grpc.insecure_channel(channelz_server.target) as channel:
        yield channelz_server, channel, channelz_pb2_grpc.ChannelzStub(channel)


def only_server(stub):
    response = stub.GetServers(channelz_pb2.GetServersRequest(), timeout=5)
    assert response.end
    (server,) = response.server
    return server


def sockets_of(stub, server):
    request = channelz_pb2.GetServerSocketsRequest(server_id=server.ref.server_id)
    response = stub.GetServerSockets(request, timeout=5)
    assert response.end
    return [
        stub.GetSocket(channelz_pb2.GetSocketRequest(socket_id=each.socket_id), timeout=5).socket
        for each in response.socket_ref
    ]


def test_a_server_counts_its_calls(looked_at):
    _, channel, stub = looked_at
    echo = interop_grpc.InteropStub(channel)
    before = only_server(stub).data
    for _ in range(3):
        echo.Echo(interop.EchoRequest(payload=b"one"), timeout=5)
    with pytest.raises(grpc.RpcError):
        echo.Echo(interop.EchoRequest(failure=interop.Failure(code=5)), timeout=5)
    after = only_server(stub).data
    # The calls of channelz are calls too, and the latest one goes on while it is answered.
    assert after.calls_started - before.calls_started == 5
    assert after.calls_succeeded - before.calls_succeeded == 4
    assert after.calls_failed - before.calls_failed == 1
    assert after.calls_started == after.calls_succeeded + after.calls_failed + 1
    assert after.last_call_started_timestamp.ToNanoseconds() > before.trace.creation_timestamp.ToNanoseconds()
    again = stub.GetServer(
        channelz_pb2.GetServerRequest(server_id=only_server(stub).ref.server_id), timeout=5
    ).server
    assert again.data.calls_failed == after.calls_failed


def test_a_server_shows_where_it_listens(looked_at):
    server, _, stub = looked_at
    (reference,) = only_server(stub).listen_socket
    socket = stub.GetSocket(channelz_pb2.GetSocketRequest(socket_id=reference.socket_id), timeout=5).socket
    assert socket.local.tcpip_address.port == server.port
    assert ipaddress.ip_address(socket.local.tcpip_address.ip_address) == ipaddress.ip_address("127.0.0.1")
    assert not socket.HasField("remote")


def test_the_sockets_of_a_server_tell_what_went_over_them(looked_at):
    server, channel, stub = looked_at
    echo = interop_grpc.InteropStub(channel)
    list(echo.Converse(iter([interop.EchoRequest(payload=b"a"), interop.EchoRequest(payload=b"b")]), timeout=5))
    sockets = sockets_of(stub, only_server(stub))
    # That of the program's own client, and ours, on which this was asked.
    assert len(sockets) == 2
    assert {each.local.tcpip_address.port for each in sockets} == {server.port}
    assert len({each.remote.tcpip_address.port for each in sockets}) == 2
    own, ours = sorted(sockets, key=lambda each: each.data.streams_started)
    assert (own.data.streams_started, own.data.streams_succeeded) == (1, 1)
    assert (own.data.messages_received, own.data.messages_sent) == (1, 1)
    assert ours.data.streams_failed == 0
    # Two more messages than streams, each way: the conversation had two and each other call one.
    assert ours.data.messages_received == ours.data.streams_started + 1
    assert ours.data.last_remote_stream_created_timestamp.seconds > 0
    assert not ours.data.HasField("last_local_stream_created_timestamp")
    assert ours.data.local_flow_control_window.value > 0
    assert ours.data.remote_flow_control_window.value > 0
    assert not ours.HasField("security")


def test_a_connection_that_is_closed_is_forgotten(looked_at):
    server, _, stub = looked_at
    known = {each.ref.socket_id for each in sockets_of(stub, only_server(stub))}
    with grpc.insecure_channel(server.target, options=OWN_CONNECTION) as second:
        interop_grpc.InteropStub(second).Echo(interop.EchoRequest(), timeout=5)
        (added,) = {each.ref.socket_id for each in sockets_of(stub, only_server(stub))} - known
    request = channelz_pb2.GetSocketRequest(socket_id=added)
    for _ in range(10_000):
        try:
            stub.GetSocket(request, timeout=5)
        except grpc.RpcError as error:
            assert error.code() == grpc.StatusCode.NOT_FOUND
            break
    else:
        pytest.fail("the closed connection is still listed")


def test_from_a_channel_the_way_leads_to_its_socket(looked_at):
    server, _, stub = looked_at
    response = stub.GetTopChannels(channelz_pb2.GetTopChannelsRequest(), timeout=5)
    assert response.end
    (channel,) = response.channel
    assert channel.data.target == server.target
    assert channel.data.state.state == State.READY
    assert (channel.data.calls_started, channel.data.calls_succeeded) == (1, 1)
    request = channelz_pb2.GetChannelRequest(channel_id=channel.ref.channel_id)
    assert stub.GetChannel(request, timeout=5).channel == channel
    (reference,) = channel.subchannel_ref
    request = channelz_pb2.GetSubchannelRequest(subchannel_id=reference.subchannel_id)
    subchannel = stub.GetSubchannel(request, timeout=5).subchannel
    assert subchannel.data.state.state == State.READY
    assert [each.description for each in subchannel.data.trace.events] == [
        "connectivity changed to CONNECTING",
        "connectivity changed to READY",
    ]
    (reference,) = subchannel.socket_ref
    socket = stub.GetSocket(channelz_pb2.GetSocketRequest(socket_id=reference.socket_id), timeout=5).socket
    assert socket.remote.tcpip_address.port == server.port
    assert socket.data.streams_succeeded == 1
    assert socket.data.last_local_stream_created_timestamp.seconds > 0


def test_lists_come_in_pages(looked_at):
    server, _, stub = looked_at
    identifier = only_server(stub).ref.server_id
    channels = [grpc.insecure_channel(server.target, options=OWN_CONNECTION) for _ in range(5)]
    try:
        for channel in channels:
            interop_grpc.InteropStub(channel).Echo(interop.EchoRequest(), timeout=5)
        found: list[int] = []
        ends: list[bool] = []
        while not ends or not ends[-1]:
            request = channelz_pb2.GetServerSocketsRequest(
                server_id=identifier, start_socket_id=found[-1] + 1 if found else 0, max_results=3
            )
            page = stub.GetServerSockets(request, timeout=5)
            assert 1 <= len(page.socket_ref) <= 3
            found += [each.socket_id for each in page.socket_ref]
            ends.append(page.end)
        assert found == sorted(set(found))
        assert len(found) == 7
        assert ends == [False, False, True]
    finally:
        for channel in channels:
            channel.close()


@pytest.mark.parametrize(
    ("method", "request_"),
    [
        ("GetServer", channelz_pb2.GetServerRequest(server_id=1 << 40)),
        ("GetServerSockets", channelz_pb2.GetServerSocketsRequest(server_id=1 << 40)),
        ("GetChannel", channelz_pb2.GetChannelRequest(channel_id=1 << 40)),
        ("GetSubchannel", channelz_pb2.GetSubchannelRequest(subchannel_id=1 << 40)),
        ("GetSocket", channelz_pb2.GetSocketRequest(socket_id=-1)),
    ],
)
def test_what_is_unknown_is_not_found(looked_at, method, request_):
    _, _, stub = looked_at
    with pytest.raises(grpc.RpcError) as error:
        getattr(stub, method)(request_, timeout=5)
    assert error.value.code() == grpc.StatusCode.NOT_FOUND


def der(certificate: trustme.LeafCert) -> bytes:
    return x509.load_pem_x509_certificate(certificate.cert_chain_pems[0].bytes()).public_bytes(Encoding.DER)


def test_over_tls_a_socket_shows_both_certificates(programs, tmp_path):
    authority = trustme.CA()
    ours, theirs = authority.issue_cert("node.test"), authority.issue_cert("client.test")
    roots, cert, key = (tmp_path / name for name in ("roots.pem", "node.pem", "node.key"))
    authority.cert_pem.write_to_path(roots)
    ours.cert_chain_pems[0].write_to_path(cert)
    ours.private_key_pem.write_to_path(key)
    options = ("--tls-cert", str(cert), "--tls-key", str(key), "--tls-ca", str(roots))
    server = Server(binary("interop-peer"), "server", "--channelz", *options)
    programs.append(server)
    credentials = grpc.ssl_channel_credentials(
        authority.cert_pem.bytes(), theirs.private_key_pem.bytes(), theirs.cert_chain_pems[0].bytes()
    )
    name = [("grpc.ssl_target_name_override", "node.test")]
    with grpc.secure_channel(server.target, credentials, name) as channel:
        stub = channelz_pb2_grpc.ChannelzStub(channel)
        (socket,) = sockets_of(stub, only_server(stub))
    assert socket.security.tls.other_name == "TLSv1.3"
    assert socket.security.tls.local_certificate == der(ours)
    assert socket.security.tls.remote_certificate == der(theirs)
    server.stop()
