"""Attacks on raw sockets: each has its expected end, a bound on memory, and a bystander who must not notice."""

import collections
import random
import resource
import socket
import struct
import zlib

import grpc
import pytest
from hyperframe import frame as frames

from frames import CANCEL, ECHO, ENHANCE_YOUR_CALM, NO_ERROR, PREFACE, REFUSED_STREAM, Connection, message, raw_frame
from programs import Server, binary
from stubs import bench, bench_grpc

MIB = 1 << 20
OK, UNIMPLEMENTED, DEADLINE_EXCEEDED, RESOURCE_EXHAUSTED, INTERNAL = 0, 12, 4, 8, 13
HEADERS, PRIORITY, SETTINGS, PING, WINDOW_UPDATE, CONTINUATION = 1, 2, 4, 6, 8, 9
END_HEADERS = 4


class Victim:
    """A server under attack, with a stock client of its own on another connection."""

    def __init__(self, server: Server):
        self.server = server
        self.channel = grpc.insecure_channel(server.target, [("grpc.use_local_subchannel_pool", 1)])
        self.bystander = bench_grpc.EchoStub(self.channel)
        self.serves_others()
        self.resident = server.resident_bytes()
        self.max_growth = 24 * MIB

    def connect(self, **options) -> Connection:
        return Connection(self.server.port, **options)

    def serves_others(self) -> None:
        message = bench.Msg(payload=b"bystander")
        assert self.bystander.Unary(message, timeout=10) == message

    def judge(self) -> None:
        assert self.server.is_running, self.server.describe("died under attack")
        self.serves_others()
        growth = self.server.resident_bytes() - self.resident
        assert growth <= self.max_growth, f"{growth / MIB:.1f} MiB more than before the attack"


@pytest.fixture
def victim(bench_server):
    victim = Victim(bench_server)
    yield victim
    victim.judge()
    victim.channel.close()


ours_only = pytest.mark.usefixtures("needs_our_programs")


def is_thrown_out(attacker: Connection, *codes: int) -> None:
    """The peer says GOAWAY with one of the codes (any error if none is named) and closes the connection."""
    assert attacker.read_to_end(), f"still connected; {summary(attacker)}"
    assert attacker.goaway in codes if codes else attacker.goaway not in (None, NO_ERROR), summary(attacker)


def summary(attacker: Connection) -> str:
    kinds = collections.Counter(type(frame).__name__ for frame in attacker.received)
    return f"received {dict(kinds)}, GOAWAY {attacker.goaway}, closed {attacker.closed}"


def headers_with(*changes: tuple[str, str]) -> list[tuple[str, str]]:
    """The headers of an echo call with some in place of those of their names, or behind all others."""
    changed = {**dict(ECHO), **dict(changes)}
    return list(changed.items())


def headers_without(name: str) -> list[tuple[str, str]]:
    return [header for header in ECHO if header[0] != name]


def test_the_attacker_can_make_an_honest_call(victim):
    with victim.connect() as honest:
        assert honest.answers() and honest.answers(), summary(honest)


# Resets that the peer sends, and resets that it provokes


def reset_by_client(attacker: Connection) -> bytes:
    request = attacker.request(body=None, end=False)
    return request + frames.RstStreamFrame(attacker.next_stream - 2, error_code=CANCEL).serialize()


def overflow_of_window(attacker: Connection) -> bytes:
    request = attacker.request(body=None, end=False)
    return request + raw_frame(WINDOW_UPDATE, 0, attacker.next_stream - 2, struct.pack(">I", 0x7FFFFFFF))


def body_above_content_length(attacker: Connection) -> bytes:
    return attacker.request(headers_with(("content-length", "1")), message(b""))


def capital_header_name(attacker: Connection) -> bytes:
    return attacker.request(headers_with(("Capital", "x")))


def empty_header_name(attacker: Connection) -> bytes:
    return attacker.request(headers_with(("", "x")))


def connection_header(attacker: Connection) -> bytes:
    return attacker.request(headers_with(("connection", "close")))


RESETS = [
    reset_by_client,
    overflow_of_window,
    body_above_content_length,
    capital_header_name,
    empty_header_name,
    connection_header,
]


@ours_only
@pytest.mark.parametrize("reset", RESETS)
def test_five_thousand_resets_end_the_connection(victim, reset):
    with victim.connect() as attacker:
        for _ in range(100):
            if not attacker.send(b"".join(reset(attacker) for _ in range(50))):
                break
            attacker.read(0.001)
        is_thrown_out(attacker, ENHANCE_YOUR_CALM)


@ours_only
@pytest.mark.parametrize("reset", RESETS)
def test_five_hundred_resets_are_borne(victim, reset):
    with victim.connect() as clumsy:
        for _ in range(10):
            clumsy.send(b"".join(reset(clumsy) for _ in range(50)))
            clumsy.read(0.01)
        assert clumsy.answers(), summary(clumsy)


@ours_only
@pytest.mark.parametrize("reset", [reset_by_client, overflow_of_window])
def test_provoking_without_ever_reading_costs_no_memory(victim, reset):
    with victim.connect(receive_buffer=4096) as attacker:
        flood = b"".join(reset(attacker) for _ in range(100_000))
        attacker.send_unread(flood, 3)
        assert attacker.read_to_end(), summary(attacker)


@ours_only
def test_streams_above_the_limit_are_refused(victim):
    with victim.connect() as attacker:
        attacker.send(b"".join(attacker.request(body=None, end=False) for _ in range(300)))
        refused = lambda: [frame for frame in attacker.of(frames.RstStreamFrame) if frame.error_code == REFUSED_STREAM]
        assert attacker.read_until(lambda: len(refused()) >= 300 - 256), summary(attacker)
        assert len(refused()) == 300 - 256


# Header blocks


def continued(attacker: Connection, pieces: int, filler: bytes = b"") -> bytes:
    """An honest request whose block is spread over HEADERS and so many CONTINUATIONs."""
    stream, block = attacker.stream(), attacker.block(headers_with(("x-filler", "f" * 200)))
    size = -(-len(block) // (pieces + 1))
    parts = [block[at : at + size] for at in range(0, len(block), size)] or [b""]
    parts += [b""] * (pieces + 1 - len(parts))
    data = raw_frame(HEADERS, 0, stream, parts[0])
    for index, part in enumerate(parts[1:], 1):
        data += raw_frame(CONTINUATION, END_HEADERS if index == pieces else 0, stream, part)
    body = frames.DataFrame(stream, message(b"\n\x04cont"), flags=["END_STREAM"])
    return data + body.serialize()


@ours_only
def test_eight_continuations_are_taken(victim):
    with victim.connect() as honest:
        honest.send(continued(honest, 8))
        assert honest.read_until(lambda: honest.ended(1)) and honest.status(1) == OK, summary(honest)


@ours_only
def test_a_continuation_that_arrives_byte_by_byte_is_taken(victim):
    with victim.connect() as slow:
        assert slow.answers()
        for byte in continued(slow, 1):
            slow.send(bytes([byte]))
        assert slow.read_until(lambda: slow.ended(3)) and slow.status(3) == OK, summary(slow)


@ours_only
def test_the_ninth_continuation_ends_the_connection(victim):
    with victim.connect() as attacker:
        attacker.send(continued(attacker, 9))
        is_thrown_out(attacker, ENHANCE_YOUR_CALM)


@ours_only
def test_endless_empty_continuations_end_the_connection(victim):
    with victim.connect() as attacker:
        attacker.send(raw_frame(HEADERS, 0, 1, attacker.block()[:10]))
        attacker.send(raw_frame(CONTINUATION, 0, 1) * 100_000)
        assert attacker.read_to_end(), summary(attacker)


@ours_only
@pytest.mark.parametrize(
    "extra",
    [[("x-long", "v" * 15_000), ("x-more", "v" * 1_400)], [(f"x-{number}", "v") for number in range(129)]],
    ids=["bytes", "fields"],
)
def test_a_header_list_above_the_limit_is_answered_with_a_status(victim, extra):
    with victim.connect() as attacker:
        attacker.send(attacker.request([*ECHO, *extra]))
        assert attacker.read_until(lambda: attacker.ended(1)), summary(attacker)
        assert attacker.status(1) == RESOURCE_EXHAUSTED
        assert attacker.answers(), summary(attacker)


@ours_only
def test_references_into_the_header_table_do_not_add_up(victim):
    """4 KB in the table, and two hundred blocks of eight thousand one-byte references to it: 6 GB of headers."""
    with victim.connect() as attacker:
        entry = b"\x40" + b"\x06x-bomb" + b"\x7f" + bytes([3900 - 127 & 0x7F | 0x80, (3900 - 127) >> 7]) + b"v" * 3900
        for _ in range(200):
            stream = attacker.stream()
            block = attacker.block() + (entry if stream == 1 else b"") + b"\xbe" * 8000
            attacker.send(raw_frame(HEADERS, END_HEADERS | 1, stream, block))
            assert attacker.read_until(lambda: attacker.ended(stream)), summary(attacker)
            assert attacker.status(stream) in (RESOURCE_EXHAUSTED, None)
        assert attacker.answers(), summary(attacker)


# Control frames


FLOODS = {
    "ping": raw_frame(PING, 0, 0, bytes(8)),
    "settings": raw_frame(SETTINGS, 0, 0),
    "priority": raw_frame(PRIORITY, 0, 1, struct.pack(">IB", 3, 1)),
    "window_update": raw_frame(WINDOW_UPDATE, 0, 0, struct.pack(">I", 1)),
}


@ours_only
@pytest.mark.parametrize("kind", FLOODS)
def test_a_flood_of_control_frames_ends_the_connection(victim, kind):
    with victim.connect() as attacker:
        for _ in range(100):
            if not attacker.send(FLOODS[kind] * 500):
                break
            attacker.read(0.001)
        is_thrown_out(attacker, ENHANCE_YOUR_CALM)


@ours_only
@pytest.mark.parametrize("kind", ["ping", "settings"])
def test_a_flood_that_is_never_read_costs_no_memory(victim, kind):
    with victim.connect(receive_buffer=4096) as attacker:
        attacker.send_unread(FLOODS[kind] * 300_000, 3)
        assert attacker.read_to_end(), summary(attacker)


@ours_only
def test_thirty_three_settings_end_the_connection(victim):
    with victim.connect() as attacker:
        attacker.send(raw_frame(SETTINGS, 0, 0, struct.pack(">HI", 4, 65_535) * 33))
        is_thrown_out(attacker, ENHANCE_YOUR_CALM)


@ours_only
def test_a_flood_of_empty_data_frames_ends_the_connection(victim):
    with victim.connect() as attacker:
        attacker.send(attacker.request(body=None, end=False))
        for _ in range(40):
            if not attacker.send(frames.DataFrame(1, b"").serialize() * 500):
                break
        is_thrown_out(attacker, ENHANCE_YOUR_CALM)


@ours_only
def test_unknown_frames_cost_their_sender_only(victim):
    with victim.connect() as attacker:
        for _ in range(100):
            if not attacker.send(raw_frame(0xBB, 0, 0, b"?" * 8) * 1000):
                break
            victim.serves_others()
        assert attacker.answers() or attacker.closed, summary(attacker)


@ours_only
@pytest.mark.parametrize(
    "bad",
    [
        raw_frame(WINDOW_UPDATE, 0, 0, bytes(4)),
        raw_frame(WINDOW_UPDATE, 0, 0, struct.pack(">I", 0x7FFFFFFF)),
        raw_frame(SETTINGS, 0, 1),
        raw_frame(SETTINGS, 0, 0, bytes(5)),
        raw_frame(SETTINGS, 0, 0, struct.pack(">HI", 4, 0x80000000)),
        raw_frame(PING, 0, 0, bytes(7)),
        raw_frame(CONTINUATION, 4, 1, b""),
        raw_frame(0, 0, 0, b"data on stream 0"),
        raw_frame(0, 0, 9, b"data on an idle stream"),
        raw_frame(HEADERS, 5, 2, b"\x82"),
        raw_frame(HEADERS, 5, 1, b"\xff\xff\xff\xff\xff\xff"),
        raw_frame(5, 4, 1, bytes(4)),
        raw_frame(0, 0, 1, bytes(16_385)),
    ],
    ids=[
        "window_update_zero", "window_overflow", "settings_on_1", "settings_length", "window_too_large",
        "ping_length", "continuation_alone", "data_on_0", "data_on_idle", "even_stream", "hpack_garbage", "push_by_client",
        "frame_too_large",
    ],
)  # fmt: skip
def test_a_breach_of_the_protocol_ends_the_connection(victim, bad):
    with victim.connect() as attacker:
        attacker.send(bad)
        is_thrown_out(attacker)


# Those who stall


@ours_only
def test_a_stream_into_a_closed_window_suspends_its_handler(victim):
    with victim.connect() as attacker:
        attacker.send(raw_frame(SETTINGS, 0, 0, struct.pack(">HI", 4, 0)))
        headers = headers_with((":path", "/bench.Echo/ServerStream"), ("x-bench-messages", "100000"))
        # The whole message fits into the 65,535 bytes that a client may send before it has seen the server's SETTINGS.
        payload = b"\n\xe0\xd4\x03" + bytes(60_000)
        attacker.send(attacker.request(headers, None, end=False))
        for at in range(0, len(payload) + 5, 16_000):
            piece = message(payload)[at : at + 16_000]
            attacker.send(
                frames.DataFrame(1, piece, flags=["END_STREAM"] if at + 16_000 >= len(payload) + 5 else []).serialize()
            )
        assert attacker.read_until(lambda: attacker.headers(1)), summary(attacker)
        assert not attacker.of(frames.DataFrame)


@ours_only
def test_whoever_does_not_finish_what_he_began_is_closed(victim):
    """No byte at all, half a preface, and half a header block: ten seconds each, and some grace."""
    with victim.connect(preface=False) as silent, victim.connect(preface=False) as half, victim.connect() as headers:
        half.send(PREFACE[:10])
        headers.send(raw_frame(HEADERS, 0, 1, headers.block()[:10]))
        assert [connection.read_to_end(16) for connection in (silent, half, headers)] == [True, True, True]


@ours_only
def test_a_request_that_never_completes_ends_at_its_deadline(victim):
    with victim.connect() as slow:
        slow.send(slow.request(headers_with(("grpc-timeout", "200m")), message(bytes(100))[:50], end=False))
        assert slow.read_until(lambda: slow.ended(1), 5), summary(slow)
        assert slow.status(1) == DEADLINE_EXCEEDED
        assert slow.answers(), summary(slow)


# gRPC's own framing and headers


@ours_only
@pytest.mark.parametrize("length", [4 * MIB + 1, 0x7FFFFFFF, 0xFFFFFFFF])
def test_a_declared_length_above_the_limit_is_refused_before_a_byte_of_it(victim, length):
    with victim.connect() as attacker:
        attacker.send(attacker.request(body=struct.pack(">BI", 0, length), end=False))
        assert attacker.read_until(lambda: attacker.ended(1)), summary(attacker)
        assert attacker.status(1) == RESOURCE_EXHAUSTED
        assert attacker.answers(), summary(attacker)


@ours_only
def test_declared_lengths_at_the_limit_reserve_nothing(victim):
    """Two hundred streams that announce 4 MiB each, and send nothing."""
    with victim.connect() as attacker:
        for _ in range(200):
            attacker.send(attacker.request(body=struct.pack(">BI", 0, 4 * MIB), end=False))
        victim.judge()


@ours_only
def test_thousands_of_messages_in_one_frame_are_taken_one_by_one(victim):
    with victim.connect() as attacker:
        headers = headers_with((":path", "/bench.Echo/ClientStream"))
        attacker.send(attacker.request(headers, message(b"") * 3000 + message(b"\n\x04last")))
        assert attacker.read_until(lambda: attacker.ended(1)), summary(attacker)
        assert attacker.status(1) == OK
        assert [frame.data for frame in attacker.of(frames.DataFrame) if frame.data] == [message(b"\n\x04last")]


# zlib's window bits: for gzip's wrapping, and for its own, which gRPC calls deflate.
WRAPPINGS = {"gzip": 31, "deflate": 15}


def compressed(data: bytes, encoding: str) -> bytes:
    compressor = zlib.compressobj(9, zlib.DEFLATED, WRAPPINGS[encoding])
    return compressor.compress(data) + compressor.flush()


@ours_only
@pytest.mark.parametrize("encoding", WRAPPINGS)
@pytest.mark.parametrize("method", ["Unary", "ClientStream"])
def test_a_decompression_bomb_is_refused_at_the_limit(victim, encoding, method):
    bomb = message(compressed(bytes(10 * MIB), encoding), 1)
    assert len(bomb) < 11_000
    headers = headers_with((":path", f"/bench.Echo/{method}"), ("grpc-encoding", encoding))
    with victim.connect() as attacker:
        for stream in range(1, 201, 2):
            attacker.send(attacker.request(headers, bomb, stream=stream))
        for stream in range(1, 201, 2):
            assert attacker.read_until(lambda: attacker.ended(stream)), summary(attacker)
            assert attacker.status(stream) == RESOURCE_EXHAUSTED


REFUSALS = {
    "unknown encoding": (headers_with(("grpc-encoding", "br")), message(b"", 1), UNIMPLEMENTED),
    "compressed without an encoding": (ECHO, message(b"", 1), INTERNAL),
    "a flag that is neither": (ECHO, message(b"", 2), INTERNAL),
    "half a message": (ECHO, message(b"abcd")[:-1], INTERNAL),
    "a bad binary header": (headers_with(("x-blob-bin", "!!!")), message(b""), None),
    "a timeout of nine digits": (headers_with(("grpc-timeout", "123456789S")), message(b""), None),
    "a timeout without a unit": (headers_with(("grpc-timeout", "12")), message(b""), None),
    "an unknown scheme": (headers_with((":scheme", "ftp")), message(b""), None),
    "a path without a slash": (headers_with((":path", "bench.Echo/Unary")), message(b""), None),
    "an unknown scheme and no slash": (
        headers_with((":scheme", "ftp"), (":path", "bench.Echo/Unary")),
        message(b""),
        None,
    ),
    "a path of three parts": (headers_with((":path", "/bench.Echo/Unary/x")), message(b""), UNIMPLEMENTED),
    "a path with two slashes": (headers_with((":path", "//bench.Echo/Unary")), message(b""), UNIMPLEMENTED),
    "another case": (headers_with((":path", "/bench.echo/unary")), message(b""), UNIMPLEMENTED),
    "two messages for a unary method": (ECHO, message(b"") * 2, UNIMPLEMENTED),
    "no message for a unary method": (ECHO, b"", UNIMPLEMENTED),
}


@ours_only
@pytest.mark.parametrize("name", REFUSALS)
def test_a_bad_call_fails_alone(victim, name):
    headers, body, status = REFUSALS[name]
    with victim.connect() as attacker:
        attacker.send(attacker.request(headers, body))
        assert attacker.read_until(lambda: attacker.ended(1)), summary(attacker)
        # What is no method's path may be answered in plain HTTP: 404 is UNIMPLEMENTED for a gRPC client.
        seen = UNIMPLEMENTED if attacker.headers(1).get(":status") == "404" else attacker.status(1)
        assert seen != OK
        assert status is None or seen == status
        if name == "unknown encoding":
            assert "grpc-accept-encoding" in attacker.headers(1)
        assert attacker.answers(), summary(attacker)


@ours_only
@pytest.mark.parametrize(
    ("headers", "status"),
    [
        (headers_without("content-type"), "415"),
        (headers_with(("content-type", "text/plain")), "415"),
        (headers_with(("content-type", "application/grpcfoo")), "415"),
        (headers_with((":method", "GET")), "405"),
    ],
    ids=["no content type", "another content type", "nearly the content type", "GET"],
)
def test_what_is_not_grpc_is_answered_in_http(victim, headers, status):
    with victim.connect() as browser:
        browser.send(browser.request(headers))
        assert browser.read_until(lambda: browser.ended(1)), summary(browser)
        assert browser.headers(1)[":status"] == status
        assert browser.answers(), summary(browser)


# What is no HTTP/2, or stops in its middle


@ours_only
@pytest.mark.parametrize(
    "start",
    [
        b"GET / HTTP/1.1\r\nHost: a\r\nConnection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABk\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(100),
        PREFACE[:-1] + b"X",
    ],
    ids=["upgrade", "tls", "bad preface"],
)
def test_only_the_preface_opens_a_connection(victim, start):
    with victim.connect(preface=False) as stranger:
        stranger.send(start)
        data = b""
        try:
            while chunk := stranger.socket.recv(4096):
                data += chunk
        except ConnectionResetError:
            pass
        assert not data.startswith(b"HTTP/1.1 101")


@ours_only
@pytest.mark.parametrize("seed", range(20))
def test_garbage_never_stops_the_server(victim, seed):
    generator = random.Random(seed)
    for _ in range(20):
        with victim.connect() as attacker:
            honest = bytearray(b"".join(attacker.request(body=message(b"\n\x03abc")) for _ in range(20)))
            for _ in range(generator.randrange(1, 20)):
                honest[generator.randrange(len(honest))] = generator.randrange(256)
            attacker.send(bytes(honest[: generator.randrange(len(honest))]))
            attacker.read(0.005)
            if generator.random() < 0.5:
                # A linger of zero turns the close into a reset.
                attacker.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    victim.judge()


@ours_only
def test_running_out_of_descriptors_passes(programs):
    """Two hundred connections against a limit of one hundred descriptors; when they are gone the server serves."""
    old = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (100, old[1]))
    try:
        server = Server(binary("bench-server"))
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, old)
    programs.append(server)
    storm = [Connection(server.port) for _ in range(200)]
    for connection in storm:
        connection.socket.close()
    with Connection(server.port) as honest:
        assert honest.answers(), server.describe(summary(honest))
