"""dev/bench idle: what a connection costs a server that has made one call and says nothing more.

Needs a hard limit of open files (`ulimit -Hn`) of 1,000 more than there are connections; the soft one is raised. Eight
source addresses share the connections, so that the range of local ports (some 28,000 for each) is no limit.
"""

import argparse
import pathlib
import ssl
import sys
import tempfile

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "Tests/Interop"))

import trustme  # noqa: E402
from idle import SOURCES, allow_descriptors, measure  # noqa: E402
from programs import Server, binary  # noqa: E402

MAX_KIB_EACH = 16


def tls(folder: pathlib.Path) -> tuple[tuple[str, ...], ssl.SSLContext]:
    """The options of a server of 127.0.0.1, and what a client needs to trust it."""
    authority = trustme.CA()
    issued = authority.issue_cert("127.0.0.1")
    certificate, key = folder / "cert.pem", folder / "key.pem"
    issued.cert_chain_pems[0].write_to_path(certificate)
    issued.private_key_pem.write_to_path(key)
    context = ssl.create_default_context()
    context.set_alpn_protocols(["h2"])
    authority.configure_trust(context)
    return ("--tls-cert", str(certificate), "--tls-key", str(key)), context


def main() -> None:
    parser = argparse.ArgumentParser(prog="dev/bench idle")
    parser.add_argument("--connections", type=int, default=10_000, help="how many at once (default 10000)")
    count = parser.parse_args().connections
    allow_descriptors(count)
    is_met = True
    with tempfile.TemporaryDirectory() as folder:
        for name, (options, context), most in [
            ("plaintext", ((), None), MAX_KIB_EACH),
            ("TLS", tls(pathlib.Path(folder)), None),
        ]:
            server = Server(binary("interop-peer"), "server", *options)
            try:
                # Some are there before, so that the first of them, for which more is made, are not counted.
                cost = measure(server, server.port, count - len(SOURCES), context)
            finally:
                server.kill()
            is_met &= cost.alive == cost.connections and (most is None or cost.kib_each <= most)
            bound = f" (at most {most})" if most else ""
            print(
                f"{name}: {cost.connections:,} connections, {cost.kib_each:.1f} KiB each{bound},"
                f" {cost.connections - cost.alive} dropped"
            )
    print("met" if is_met else "MISSED")
    sys.exit(0 if is_met else 1)


main()
