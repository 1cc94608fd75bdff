"""What loads the servers: h2load, the generator of Benchmarks/Peers/load, and each stack's own client."""

import contextlib
import json
import pathlib
import re
import struct
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass

from bench.stacks import CEILING, LOAD_CORE, OURS, Certificate, Stack, output, pinned, timed_output

PAYLOAD, MEBIBYTE = 100, 1 << 20


def framed(payload: int) -> bytes:
    """A bench.Msg of that many bytes as gRPC sends it."""
    length, rest = bytearray(), payload
    while rest >= 0x80:
        length.append(rest & 0x7F | 0x80)
        rest >>= 7
    length.append(rest)
    message = b"\n" + length + b"p" * payload
    return struct.pack(">BI", 0, len(message)) + message


FRAME = framed(PAYLOAD)
FILE = "file"
# h2load takes a power of two; the generator takes the same.
WINDOW_BITS = 30


@dataclass(frozen=True)
class Files:
    """What is made once for a run."""

    # What h2load sends, by the bytes of its payload, and a folder for nghttpd with a file of as many bytes as a message has.
    requests: dict[int, pathlib.Path]
    folder: pathlib.Path
    certificate: Certificate


@contextlib.contextmanager
def files() -> Iterator[Files]:
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        requests = {payload: folder / f"request-{payload}" for payload in (PAYLOAD, MEBIBYTE)}
        made = Files(requests, folder / "served", Certificate(folder / "certificate.pem", folder / "key.pem"))
        for payload, request in requests.items():
            request.write_bytes(framed(payload))
        made.folder.mkdir()
        (made.folder / FILE).write_bytes(b"p" * PAYLOAD)
        output(
            ["openssl", "req", "-x509", "-nodes", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1"]
            + ["-subj", "/CN=localhost", "-days", "2"]
            + ["-keyout", str(made.certificate.key), "-out", str(made.certificate.chain)]
        )
        yield made


@dataclass(frozen=True)
class Rate:
    per_second: float
    # The share of the time that the load's core computed.
    busy: float


@dataclass(frozen=True)
class Load:
    """Options of the generator; see `load` without arguments for what they mean."""

    kind: str = "unary"
    connections: int = 1
    streams: int = 1
    payload: int = PAYLOAD
    messages: int = 1
    methods: int = 1


# What h2load does.
BUSY = Load(connections=8, streams=32)


def h2load(
    stack: Stack,
    port: int,
    files: Files,
    seconds: float,
    warm_up: float,
    tls: bool = False,
    is_refused: bool = False,
    load: Load = BUSY,
) -> Rate:
    """Unary requests per second, over 8 connections with 32 streams each unless the load says otherwise.

    h2load looks at HTTP statuses, which are 200 for failures of gRPC too; that as many bytes came back as were sent
    shows that no call failed. Calls that the server is to refuse bring none.
    """
    command = ["h2load", "-c", str(load.connections), "-m", str(load.streams), "-t", "1"]
    command += ["-w", str(WINDOW_BITS), "-W", str(WINDOW_BITS)]
    if stack.name == CEILING:
        command.append(f"http://127.0.0.1:{port}/{FILE}")
        expected = PAYLOAD
    else:
        command += ["-d", str(files.requests[load.payload])]
        command += ["-H", "content-type: application/grpc", "-H", "te: trailers"]
        command.append(f"{'https' if tls else 'http'}://127.0.0.1:{port}/bench.Echo/Unary")
        expected = 0 if is_refused else len(framed(load.payload))
    # h2load's own warm-up counts bytes but no requests, which would hide failures.
    output(pinned(LOAD_CORE, [*command, "-D", f"{warm_up * 1000:.0f}ms"]))
    report, busy = timed_output(pinned(LOAD_CORE, [*command, "-D", f"{seconds * 1000:.0f}ms"]))
    done = re.search(r"(\d+) done, (\d+) succeeded, 0 failed, 0 errored, 0 timeout", report)
    data = re.search(r"\((\d+)\) data$", report, re.MULTILINE)
    rate = re.search(r"finished in \S+, ([\d.]+) req/s", report)
    # Of the calls under way at the end, a few have brought their bytes already.
    most = 4 * load.connections * load.streams * len(framed(load.payload))
    is_whole = done is not None and data is not None and 0 <= int(data[1]) - int(done[1]) * expected <= most
    if done is None or done[1] != done[2] or rate is None or not is_whole:
        sys.exit(f"{stack.name}: not every request was answered:\n{report}")
    return Rate(float(rate[1]), busy)


def generated(
    generator: pathlib.Path,
    load: Load,
    port: int,
    seconds: float,
    warm_up: float,
    rate: float | None = None,
    server: int | None = None,
    windows: int = 1,
) -> dict:
    """The generator's report. It ends the run if a single answer is not the echo of its request."""
    command = [str(generator), "--target", f"127.0.0.1:{port}", "--kind", load.kind, "--payload", str(load.payload)]
    command += ["--connections", str(load.connections), "--streams", str(load.streams)]
    command += ["--methods", str(load.methods), "--messages", str(load.messages), "--windows", str(windows)]
    command += ["--seconds", str(seconds), "--warm-up", str(warm_up)]
    if rate is not None:
        command += ["--rate", str(rate)]
    if server is not None:
        command += ["--server", str(server)]
    return json.loads(output(pinned(LOAD_CORE, command)))


def client_rate(stack: Stack, port: int, in_flight: int, seconds: float) -> float:
    """Unary calls per second of the stack's client, with so many in flight on one connection."""
    options = ["--target", f"127.0.0.1:{port}", "--concurrency", str(in_flight), "--seconds", str(seconds)]
    if stack.name != OURS:
        return float(output(pinned(LOAD_CORE, stack.client + options)).split()[-1])
    options += ["--kind", "unary", "--connections", "1", "--payload", str(PAYLOAD), "--json"]
    return float(json.loads(output(pinned(LOAD_CORE, stack.client + options)))["calls_per_second"])
