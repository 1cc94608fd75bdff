"""TLS with grpcio on the other end, both ways: with and without client certificates, and what is refused."""

import pathlib
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import grpc
import pytest
import trustme

from programs import Program, Server, binary, grpcio_server
from stubs import interop, interop_grpc

NAME = "node.test"
SECONDS = 30

pytestmark = pytest.mark.usefixtures("needs_our_programs")


@dataclass
class Party:
    """A certificate and its key in files."""

    cert: pathlib.Path
    key: pathlib.Path

    @property
    def options(self) -> tuple[str, ...]:
        return "--tls-cert", str(self.cert), "--tls-key", str(self.key)


class Authority:
    """A root, in a folder of its own, and the parties that it has named."""

    def __init__(self, folder: pathlib.Path):
        self.folder, self.ca = folder, trustme.CA()
        folder.mkdir()
        self.roots = folder / "roots.pem"
        self.ca.cert_pem.write_to_path(self.roots)

    def issue(self, *names: str) -> Party:
        issued = self.ca.issue_cert(*names)
        party = Party(self.folder / f"{names[0]}.pem", self.folder / f"{names[0]}.key")
        for index, blob in enumerate(issued.cert_chain_pems):
            blob.write_to_path(party.cert, append=index > 0)
        issued.private_key_pem.write_to_path(party.key)
        return party

    @property
    def trust(self) -> tuple[str, str]:
        return "--tls-ca", str(self.roots)


@pytest.fixture
def authority(tmp_path) -> Authority:
    return Authority(tmp_path / "authority")


@pytest.fixture
def stranger(tmp_path) -> Authority:
    return Authority(tmp_path / "stranger")


@pytest.fixture(params=["one-sided", "mutual"])
def mutual(request: pytest.FixtureRequest) -> bool:
    return request.param == "mutual"


def start(programs: list[Program], server: Server) -> Server:
    programs.append(server)
    return server


# grpcio calls our server


def our_server(programs, authority: Authority, mutual: bool) -> Server:
    options = (*authority.issue(NAME).options, *(authority.trust if mutual else ()))
    return start(programs, Server(binary("interop-peer"), "server", *options))


def channel(server: Server, trust: Authority, client: Party | None, name: str = NAME) -> grpc.Channel:
    credentials = grpc.ssl_channel_credentials(
        trust.roots.read_bytes(),
        client.key.read_bytes() if client else None,
        client.cert.read_bytes() if client else None,
    )
    return grpc.secure_channel(server.target, credentials, [("grpc.ssl_target_name_override", name)])


def echo(calls: grpc.Channel, payload: bytes) -> bytes:
    return interop_grpc.InteropStub(calls).Echo(interop.EchoRequest(payload=payload), timeout=5).payload


def refused(calls: grpc.Channel) -> str:
    with calls, pytest.raises(grpc.RpcError) as caught:
        echo(calls, b"")
    assert caught.value.code() == grpc.StatusCode.UNAVAILABLE
    return caught.value.details()


def test_grpcio_calls_our_server(programs, authority, mutual):
    server = our_server(programs, authority, mutual)
    client = authority.issue("client.test") if mutual else None
    with channel(server, authority, client) as calls:
        assert echo(calls, b"x" * 300_000) == b"x" * 300_000
        sizes = [31415, 9, 2653, 58979]
        responses = interop_grpc.InteropStub(calls).Expand(interop.ExpandRequest(sizes=sizes), timeout=5)
        assert [len(response.payload) for response in responses] == sizes
    server.stop()


def test_our_server_refuses_a_grpcio_client_without_a_certificate_or_with_a_strange_one(
    programs, authority, stranger
):
    server = our_server(programs, authority, mutual=True)
    refused(channel(server, authority, None))
    refused(channel(server, authority, stranger.issue("client.test")))
    with channel(server, authority, authority.issue("client.test")) as calls:
        assert echo(calls, b"in") == b"in"
    server.stop()


def test_a_plaintext_grpcio_client_is_refused(programs, authority):
    server = our_server(programs, authority, mutual=False)
    refused(grpc.insecure_channel(server.target))
    server.stop()


# Our client calls grpcio's server


def grpcio(programs, authority: Authority, mutual: bool) -> Server:
    options = (*authority.issue(NAME).options, *(authority.trust if mutual else ()))
    return start(programs, grpcio_server("--max-receive", str(8 << 20), *options))


def run(programs, target: str, case: str, *options: str) -> Program:
    program = Program(binary("interop-peer"), "client", "--target", target, "--case", case, *options)
    programs.append(program)
    return program


def said(program: Program) -> str:
    assert program.wait(SECONDS) == 1, program.describe("should have failed")
    return "\n".join(program.lines)


@pytest.mark.parametrize("case", ["large_unary", "converse", "metadata", "cancel_in_stream", "thousand_calls"])
@pytest.mark.parametrize("whose", ["grpcio", "ours"])
def test_our_client_calls(programs, authority, mutual, whose, case):
    server = (grpcio if whose == "grpcio" else our_server)(programs, authority, mutual)
    client = authority.issue("client.test").options if mutual else ()
    program = run(programs, server.target, case, *authority.trust, "--tls-name", NAME, *client)
    assert program.wait(SECONDS) == 0, program.describe("failed")


def test_our_client_tells_why_it_does_not_connect(programs, authority, stranger):
    server = grpcio(programs, authority, mutual=False)
    output = said(run(programs, server.target, "empty_unary", *stranger.trust, "--tls-name", NAME))
    assert "the server's certificate is not trusted" in output
    output = said(run(programs, server.target, "empty_unary", *authority.trust, "--tls-name", "other.test"))
    assert "the server's certificate is not for other.test" in output
    plain = start(programs, grpcio_server())
    output = said(run(programs, plain.target, "empty_unary", *authority.trust, "--tls-name", NAME))
    assert "the server does not speak TLS" in output


def test_our_client_tells_that_grpcio_wants_another_certificate(programs, authority, stranger):
    server = grpcio(programs, authority, mutual=True)
    output = said(run(programs, server.target, "empty_unary", *authority.trust, "--tls-name", NAME))
    # grpcio hangs up without an alert.
    assert "it may want another client certificate" in output
    strange = stranger.issue("client.test").options
    output = said(run(programs, server.target, "empty_unary", *authority.trust, "--tls-name", NAME, *strange))
    assert "it may want another client certificate" in output


class Doorkeeper(grpc.ServerInterceptor):
    """Keeps what each call has shown, by method."""

    def __init__(self):
        self.shown: dict[str, list[str]] = {}

    def intercept_service(self, continuation, details):
        shown = [value for key, value in details.invocation_metadata if key == "authorization"]
        self.shown[details.method.rpartition("/")[2]] = shown
        return continuation(details)


class Echoing(interop_grpc.InteropServicer):
    def Echo(self, request, context):
        return interop.EchoResponse(payload=request.payload)

    def Converse(self, requests, context):
        for request in requests:
            yield interop.EchoResponse(payload=request.payload)


@pytest.fixture
def doorkeeper() -> Doorkeeper:
    return Doorkeeper()


@pytest.fixture
def grpcio_here(doorkeeper) -> grpc.Server:
    """A server of this process, to which a port is to be added before it is started."""
    server = grpc.server(ThreadPoolExecutor(2), interceptors=[doorkeeper])
    interop_grpc.add_InteropServicer_to_server(Echoing(), server)
    yield server
    server.stop(None).wait()


def test_grpcio_sees_the_credentials_of_our_calls(programs, authority, doorkeeper, grpcio_here):
    party = authority.issue(NAME)
    credentials = grpc.ssl_server_credentials([(party.key.read_bytes(), party.cert.read_bytes())])
    target = f"127.0.0.1:{grpcio_here.add_secure_port('127.0.0.1:0', credentials)}"
    grpcio_here.start()
    program = run(programs, target, "credentials", *authority.trust, "--tls-name", NAME)
    assert program.wait(SECONDS) == 0, program.describe("failed")
    expected = [f"Bearer of a call to https://{target}/bulwark.interop.Interop"]
    assert doorkeeper.shown == {"Echo": expected, "Converse": expected}


def test_our_client_shows_no_credentials_in_plaintext(programs, doorkeeper, grpcio_here):
    target = f"127.0.0.1:{grpcio_here.add_insecure_port('127.0.0.1:0')}"
    grpcio_here.start()
    assert "UNAUTHENTICATED" in said(run(programs, target, "credentials"))
    assert doorkeeper.shown == {}
