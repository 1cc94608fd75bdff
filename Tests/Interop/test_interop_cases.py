"""gRPC's own interop cases between `interop-client`, `interop-server` and PyPI's grpcio, in plaintext and over TLS."""

import pathlib
import sys
from dataclasses import dataclass

import grpc
import pytest
import trustme

from interop_cases import CASES
from programs import Program, Server, binary

NAME = "interop.test"
# grpcio has no limit of its own on the streams of a connection, and nothing that makes a second one.
SCALING_CASE = "max_concurrent_streams_connection_scaling"
# As a client grpcio keeps the report of a call for its own balancers, and shows it to nobody.
OUR_CASES = [*CASES, "channel_soak", "orca_per_rpc", SCALING_CASE]
# Played by http2_peer.py; see test_http2_peers.py.
HTTP2_CASES = ["goaway", "rst_after_header", "rst_during_data", "rst_after_data", "ping", "max_streams"]
CASE_SECONDS = 40
# What grpcio tells no server: whether a request was compressed.
PROBING_CASES = ["client_compressed_unary", "client_compressed_streaming"]
GRPCIO = sys.executable, str(pathlib.Path(__file__).with_name("grpcio_interop_server.py"))

ours_only = pytest.mark.usefixtures("needs_our_programs")


@dataclass
class Security:
    """What the flags of both sides say of TLS."""

    roots: pathlib.Path | None = None
    server: tuple[str, ...] = ()
    client: tuple[str, ...] = ()

    def channel(self, target: str) -> grpc.Channel:
        if self.roots is None:
            return grpc.insecure_channel(target)
        credentials = grpc.ssl_channel_credentials(self.roots.read_bytes())
        return grpc.secure_channel(target, credentials, [("grpc.ssl_target_name_override", NAME)])


@pytest.fixture(scope="module", params=["plaintext", "tls"])
def security(request: pytest.FixtureRequest, tmp_path_factory) -> Security:
    if request.param == "plaintext":
        return Security()
    folder = tmp_path_factory.mktemp("tls")
    authority = trustme.CA()
    issued = authority.issue_cert(NAME)
    roots, cert, key = folder / "roots.pem", folder / "cert.pem", folder / "key.pem"
    authority.cert_pem.write_to_path(roots)
    issued.cert_chain_pems[0].write_to_path(cert)
    issued.private_key_pem.write_to_path(key)
    return Security(
        roots,
        server=("--use_tls", "--tls_cert_file", str(cert), "--tls_key_file", str(key)),
        client=("--use_tls=true", "--ca_file", str(roots), "--server_host_override", NAME),
    )


@pytest.fixture(scope="module")
def grpcio(security: Security):
    yield from served(security, *GRPCIO)


@pytest.fixture(scope="module")
def ours(request: pytest.FixtureRequest, security: Security):
    stands_in = request.config.getoption("--self-check")
    yield from served(security, *(GRPCIO if stands_in else (binary("interop-server"),)))


def served(security: Security, *command: str):
    """One server for all cases of a kind of security, that must end cleanly."""
    server = Server(*command, *security.server, address=("--port", "0"))
    yield server
    server.stop()


def run_our_client(programs: list[Program], server: Server, security: Security, case: str, *flags: str) -> None:
    program = Program(
        binary("interop-client"),
        *("--server_host", "127.0.0.1", "--server_port", str(server.port), "--test_case", case),
        *security.client,
        *flags,
    )
    programs.append(program)
    code = program.wait(CASE_SECONDS)
    assert code == 0 and f"ok {case}" in program.lines, program.describe("failed")


@ours_only
@pytest.mark.parametrize("case", OUR_CASES)
def test_our_client_against_our_server(programs, ours, security, case):
    run_our_client(programs, ours, security, case)


@ours_only
@pytest.mark.parametrize("case", [case for case in OUR_CASES if case != SCALING_CASE])
def test_our_client_against_grpcio(programs, grpcio, security, case):
    flags = ["--skip_compression_probe"] if case in PROBING_CASES else []
    run_our_client(programs, grpcio, security, case, *flags)


@pytest.mark.parametrize("case", CASES)
def test_grpcio_against_our_server(request, ours, security, case):
    if request.config.getoption("--self-check") and case in PROBING_CASES:
        pytest.skip("a server of grpcio cannot tell whether a request was compressed")
    with security.channel(ours.target) as channel:
        CASES[case](channel)


@ours_only
def test_our_client_has_every_case(programs):
    program = Program(binary("interop-client"), "--list")
    programs.append(program)
    assert program.wait(CASE_SECONDS) == 0
    assert sorted(program.lines) == sorted([*OUR_CASES, *HTTP2_CASES])


@ours_only
def test_a_case_that_does_not_pass_ends_with_1(programs):
    # Port 1 of the loopback refuses connections.
    program = Program(binary("interop-client"), "--server_host", "127.0.0.1", "--server_port", "1")
    programs.append(program)
    assert program.wait(CASE_SECONDS) == 1
    assert any(line.startswith("failed large_unary: ") for line in program.lines), program.describe("said nothing")
