"""HTTP/2 as RFC 9113 sections 3 to 8 and RFC 7541 want it of a server: the cases that h2spec names, one test each.

Each case writes what its function returns on a new connection, and says what must come of it. h2spec lets an endpoint
answer a stream error with the end of the connection, and close it without a word; the first is allowed here, too, and
the second is not.
"""

import struct
from dataclasses import dataclass
from typing import Callable

import pytest
from hyperframe import frame as frames

from frames import (
    COMPRESSION_ERROR,
    ECHO,
    FLOW_CONTROL_ERROR,
    FRAME_SIZE_ERROR,
    PROTOCOL_ERROR,
    REFUSED_STREAM,
    STREAM_CLOSED,
    Connection,
    message,
    raw_frame,
)
from programs import Server, binary

DATA, HEADERS, PRIORITY, RST_STREAM, SETTINGS, PUSH_PROMISE, PING, GOAWAY, WINDOW_UPDATE, CONTINUATION = range(10)
END_STREAM = ACK = 1
END_HEADERS, PADDED, PRIORITY_FLAG = 4, 8, 32
WHOLE = END_STREAM | END_HEADERS
MAX_FRAME = 16384
ENABLE_PUSH, INITIAL_WINDOW_SIZE, MAX_FRAME_SIZE = 2, 4, 5
LARGEST_WINDOW = 2**31 - 1


@dataclass
class Case:
    section: str
    send: Callable[[Connection], bytes]
    judge: Callable[[Connection], None]

    @property
    def name(self) -> str:
        return f"{self.section}-{self.send.__name__}"


CASES: list[Case] = []

# Where nghttp2 does not do what the case says but ignores the frame, and why that is so.
IN_FLIGHT = "a closed stream is forgotten, and what comes for it may have been under way when it was closed"
NO_PRIORITIES = "priorities are switched off with SETTINGS_NO_RFC7540_PRIORITIES, and no PRIORITY frame is looked into"
DEVIATIONS = {
    "5.1-reset_data": IN_FLIGHT,
    "5.1-reset_headers": IN_FLIGHT,
    "5.1-closed_data": IN_FLIGHT,
    "5.1-closed_headers": IN_FLIGHT,
    "5.1.1-smaller_identifier": IN_FLIGHT,
    "5.3.1-priority_that_depends_on_itself": NO_PRIORITIES,
    "6.3-priority_on_stream_0": NO_PRIORITIES,
}


def case(section: str, judge: Callable[[Connection], None]):
    def note(send: Callable[[Connection], bytes]):
        CASES.append(Case(section, send, judge))
        return send

    return note


# What must come of a case


def connection_error(*codes: int) -> Callable[[Connection], None]:
    def judge(connection: Connection) -> None:
        assert connection.read_to_end(), f"still connected; {summary(connection)}"
        assert connection.goaway in codes, summary(connection)

    return judge


def stream_error(*codes: int) -> Callable[[Connection], None]:
    """Of stream 1."""

    def judge(connection: Connection) -> None:
        connection.read_until(lambda: connection.reset(1) is not None or connection.goaway is not None)
        code = connection.goaway if connection.reset(1) is None else connection.reset(1)
        assert code in codes, summary(connection)

    return judge


def accepted(connection: Connection) -> None:
    connection.send(ping(b"accepted"))
    assert connection.read_until(lambda: acknowledged(connection, b"accepted")), summary(connection)
    assert connection.goaway is None and connection.reset(1) is None, summary(connection)
    assert connection.answers(), summary(connection)


def answered(connection: Connection) -> None:
    assert connection.read_until(lambda: connection.ended(1)), summary(connection)
    assert connection.status(1) == 0, summary(connection)


def summary(connection: Connection) -> str:
    return f"GOAWAY {connection.goaway}, closed {connection.closed}, received {connection.received}"


# What cases are made of


def acknowledged(connection: Connection, data: bytes) -> bool:
    return any("ACK" in frame.flags and frame.opaque_data == data for frame in connection.of(frames.PingFrame))


def ping(data: bytes, flags: int = 0, stream: int = 0) -> bytes:
    return raw_frame(PING, flags, stream, data)


def settings(*pairs: tuple[int, int]) -> bytes:
    return raw_frame(SETTINGS, 0, 0, b"".join(struct.pack(">HI", *pair) for pair in pairs))


def window_update(stream: int, increment: int) -> bytes:
    return raw_frame(WINDOW_UPDATE, 0, stream, struct.pack(">I", increment))


def headers(c: Connection, flags: int, fields=ECHO) -> bytes:
    return raw_frame(HEADERS, flags, c.stream(), c.block(fields))


def block(c: Connection, data: bytes) -> bytes:
    """A request whose header block ends in these bytes."""
    return raw_frame(HEADERS, WHOLE, c.stream(), c.block() + data)


def with_field(name: str, value: str) -> list[tuple[str, str]]:
    return [*ECHO, (name, value)]


def without(name: str) -> list[tuple[str, str]]:
    return [field for field in ECHO if field[0] != name]


def twice(name: str) -> list[tuple[str, str]]:
    return [field for original in ECHO for field in [original] * (2 if original[0] == name else 1)]


def whole_call(c: Connection) -> None:
    """Stream 1, over and done."""
    c.send(c.request())
    assert c.read_until(lambda: c.ended(1)), summary(c)


# 3. Starting HTTP/2


@case("3.4", answered)
def client_preface(c):
    return c.request()


# 4. HTTP frames


@case("4.1", accepted)
def unknown_type(c):
    return raw_frame(0xFF, 0, 0, b"12345678")


@case("4.1", accepted)
def undefined_flags(c):
    return ping(b"flagged!", flags=0xFE)


@case("4.1", accepted)
def reserved_bit(c):
    return ping(b"reserved", stream=1 << 31)


@case("4.2", answered)
def data_of_the_largest_size(c):
    return c.request(body=None, end=False) + raw_frame(DATA, END_STREAM, 1, message(b"\n\xf8\x7f" + bytes(16376)))


@case("4.2", stream_error(FRAME_SIZE_ERROR))
def data_above_the_largest_size(c):
    return c.request(body=None, end=False) + raw_frame(DATA, END_STREAM, 1, bytes(MAX_FRAME + 1))


@case("4.2", connection_error(FRAME_SIZE_ERROR))
def headers_above_the_largest_size(c):
    return raw_frame(HEADERS, WHOLE, c.stream(), bytes(MAX_FRAME + 1))


@case("4.3", connection_error(COMPRESSION_ERROR))
def invalid_header_block(c):
    return raw_frame(HEADERS, WHOLE, c.stream(), b"\x40\x02\xff\xff\xff\xff")


@case("4.3", connection_error(PROTOCOL_ERROR))
def priority_within_a_header_block(c):
    return headers(c, END_STREAM) + raw_frame(PRIORITY, 0, 1, bytes(4) + b"\xff")


@case("4.3", connection_error(PROTOCOL_ERROR))
def headers_of_another_stream_within_a_header_block(c):
    return headers(c, END_STREAM) + headers(c, WHOLE)


# 5. Streams and multiplexing


@case("5.1", connection_error(PROTOCOL_ERROR))
def idle_data(c):
    return raw_frame(DATA, END_STREAM, 1, b"test")


@case("5.1", connection_error(PROTOCOL_ERROR))
def idle_rst_stream(c):
    return raw_frame(RST_STREAM, 0, 1, bytes(4))


@case("5.1", connection_error(PROTOCOL_ERROR))
def idle_window_update(c):
    return window_update(1, 100)


@case("5.1", connection_error(PROTOCOL_ERROR))
def idle_continuation(c):
    return raw_frame(CONTINUATION, END_HEADERS, 1, c.block())


@case("5.1", stream_error(STREAM_CLOSED))
def half_closed_data(c):
    return headers(c, WHOLE) + raw_frame(DATA, END_STREAM, 1, b"test")


@case("5.1", stream_error(STREAM_CLOSED))
def half_closed_headers(c):
    return headers(c, WHOLE) + raw_frame(HEADERS, WHOLE, 1, c.block())


@case("5.1", stream_error(STREAM_CLOSED, PROTOCOL_ERROR))
def half_closed_continuation(c):
    return headers(c, WHOLE) + raw_frame(CONTINUATION, END_HEADERS, 1, c.block())


@case("5.1", stream_error(STREAM_CLOSED))
def reset_data(c):
    return headers(c, END_HEADERS) + raw_frame(RST_STREAM, 0, 1, bytes(4)) + raw_frame(DATA, END_STREAM, 1, b"test")


@case("5.1", stream_error(STREAM_CLOSED))
def reset_headers(c):
    return headers(c, END_HEADERS) + raw_frame(RST_STREAM, 0, 1, bytes(4)) + raw_frame(HEADERS, WHOLE, 1, c.block())


@case("5.1", stream_error(STREAM_CLOSED, PROTOCOL_ERROR))
def reset_continuation(c):
    reset = headers(c, END_HEADERS) + raw_frame(RST_STREAM, 0, 1, bytes(4))
    return reset + raw_frame(CONTINUATION, END_HEADERS, 1, c.block())


@case("5.1", connection_error(STREAM_CLOSED))
def closed_data(c):
    whole_call(c)
    return raw_frame(DATA, END_STREAM, 1, b"test")


@case("5.1", connection_error(STREAM_CLOSED))
def closed_headers(c):
    whole_call(c)
    return raw_frame(HEADERS, WHOLE, 1, c.block())


@case("5.1", connection_error(STREAM_CLOSED, PROTOCOL_ERROR))
def closed_continuation(c):
    whole_call(c)
    return raw_frame(CONTINUATION, END_HEADERS, 1, c.block())


@case("5.1.1", connection_error(PROTOCOL_ERROR))
def even_identifier(c):
    return raw_frame(HEADERS, WHOLE, 2, c.block())


@case("5.1.1", connection_error(PROTOCOL_ERROR))
def smaller_identifier(c):
    c.next_stream = 7
    return raw_frame(HEADERS, WHOLE, 5, c.block()) + raw_frame(HEADERS, WHOLE, 3, c.block())


@case("5.3.1", stream_error(PROTOCOL_ERROR))
def headers_that_depend_on_themselves(c):
    return raw_frame(HEADERS, WHOLE | PRIORITY_FLAG, c.stream(), struct.pack(">IB", 1, 255) + c.block())


@case("5.3.1", stream_error(PROTOCOL_ERROR))
def priority_that_depends_on_itself(c):
    return headers(c, END_HEADERS) + raw_frame(PRIORITY, 0, 1, struct.pack(">IB", 1, 255))


@case("5.4.1", connection_error(FRAME_SIZE_ERROR))
def connection_error_closes(c):
    return ping(b"short")


@case("5.5", accepted)
def unknown_extension(c):
    return raw_frame(0x16, 0, 0, bytes(8))


@case("5.5", connection_error(PROTOCOL_ERROR))
def unknown_extension_within_a_header_block(c):
    return headers(c, END_STREAM) + raw_frame(0x16, 0, 1, bytes(8))


# 6. Frame definitions


@case("6.1", connection_error(PROTOCOL_ERROR))
def data_on_stream_0(c):
    return raw_frame(DATA, END_STREAM, 0, b"test")


@case("6.1", connection_error(PROTOCOL_ERROR))
def data_with_too_much_padding(c):
    return headers(c, END_HEADERS) + raw_frame(DATA, END_STREAM | PADDED, 1, b"\x06test!")


@case("6.2", connection_error(PROTOCOL_ERROR))
def headers_on_stream_0(c):
    return raw_frame(HEADERS, WHOLE, 0, c.block())


@case("6.2", connection_error(PROTOCOL_ERROR))
def headers_with_too_much_padding(c):
    fields = c.block()
    return raw_frame(HEADERS, WHOLE | PADDED, c.stream(), bytes([len(fields) + 1]) + fields)


@case("6.3", connection_error(PROTOCOL_ERROR))
def priority_on_stream_0(c):
    return raw_frame(PRIORITY, 0, 0, bytes(5))


@case("6.3", stream_error(FRAME_SIZE_ERROR))
def priority_of_another_length(c):
    return headers(c, END_HEADERS) + raw_frame(PRIORITY, 0, 1, bytes(4))


@case("6.4", connection_error(PROTOCOL_ERROR))
def rst_stream_on_stream_0(c):
    return raw_frame(RST_STREAM, 0, 0, bytes(4))


@case("6.4", connection_error(FRAME_SIZE_ERROR))
def rst_stream_of_another_length(c):
    return headers(c, END_HEADERS) + raw_frame(RST_STREAM, 0, 1, bytes(3))


@case("6.5", connection_error(FRAME_SIZE_ERROR))
def settings_acknowledged_with_a_payload(c):
    return raw_frame(SETTINGS, ACK, 0, bytes(1))


@case("6.5", connection_error(PROTOCOL_ERROR))
def settings_on_a_stream(c):
    return raw_frame(SETTINGS, 0, 1, struct.pack(">HI", 3, 100))


@case("6.5", connection_error(FRAME_SIZE_ERROR))
def settings_of_another_length(c):
    return raw_frame(SETTINGS, 0, 0, bytes(3))


@case("6.5.2", connection_error(PROTOCOL_ERROR))
def enable_push_of_2(c):
    return settings((ENABLE_PUSH, 2))


@case("6.5.2", connection_error(FLOW_CONTROL_ERROR))
def initial_window_above_the_largest(c):
    return settings((INITIAL_WINDOW_SIZE, LARGEST_WINDOW + 1))


@case("6.5.2", connection_error(PROTOCOL_ERROR))
def max_frame_size_below_the_smallest(c):
    return settings((MAX_FRAME_SIZE, MAX_FRAME - 1))


@case("6.5.2", connection_error(PROTOCOL_ERROR))
def max_frame_size_above_the_largest(c):
    return settings((MAX_FRAME_SIZE, 2**24))


@case("6.5.2", accepted)
def unknown_setting(c):
    return settings((0xFF, 1))


@case("6.7", connection_error(PROTOCOL_ERROR))
def ping_on_a_stream(c):
    return ping(bytes(8), stream=1)


@case("6.7", connection_error(FRAME_SIZE_ERROR))
def ping_of_another_length(c):
    return ping(bytes(6))


@case("6.8", connection_error(PROTOCOL_ERROR))
def goaway_on_a_stream(c):
    return raw_frame(GOAWAY, 0, 1, bytes(8))


@case("6.9", connection_error(PROTOCOL_ERROR))
def no_increment_of_the_connection(c):
    return window_update(0, 0)


@case("6.9", stream_error(PROTOCOL_ERROR))
def no_increment_of_a_stream(c):
    return headers(c, END_HEADERS) + window_update(1, 0)


@case("6.9", connection_error(FRAME_SIZE_ERROR))
def window_update_of_another_length(c):
    return raw_frame(WINDOW_UPDATE, 0, 0, bytes(3))


@case("6.9.1", connection_error(FLOW_CONTROL_ERROR))
def window_of_the_connection_above_the_largest(c):
    return window_update(0, LARGEST_WINDOW) * 2


@case("6.9.1", stream_error(FLOW_CONTROL_ERROR))
def window_of_a_stream_above_the_largest(c):
    return headers(c, END_HEADERS) + window_update(1, LARGEST_WINDOW) * 2


@case("6.10", answered)
def several_continuations(c):
    fields, body = c.block(), raw_frame(DATA, END_STREAM, 1, message(b""))
    rest = raw_frame(CONTINUATION, 0, 1, fields[9:20]) + raw_frame(CONTINUATION, END_HEADERS, 1, fields[20:])
    return raw_frame(HEADERS, 0, c.stream(), fields[:9]) + rest + body


@case("6.10", connection_error(PROTOCOL_ERROR))
def continuation_before_something_else(c):
    return headers(c, END_STREAM) + raw_frame(CONTINUATION, 0, 1, b"") + raw_frame(DATA, END_STREAM, 1, b"test")


@case("6.10", connection_error(PROTOCOL_ERROR))
def continuation_on_stream_0(c):
    return headers(c, END_STREAM) + raw_frame(CONTINUATION, END_HEADERS, 0, b"")


@case("6.10", connection_error(PROTOCOL_ERROR))
def continuation_behind_the_end_of_headers(c):
    return headers(c, END_HEADERS) + raw_frame(CONTINUATION, END_HEADERS, 1, b"")


@case("6.10", connection_error(PROTOCOL_ERROR))
def continuation_behind_the_last_continuation(c):
    return headers(c, END_STREAM) + raw_frame(CONTINUATION, END_HEADERS, 1, b"") * 2


@case("6.10", connection_error(PROTOCOL_ERROR))
def continuation_behind_data(c):
    return headers(c, END_HEADERS) + raw_frame(DATA, 0, 1, b"") + raw_frame(CONTINUATION, END_HEADERS, 1, b"")


# 8. Expressing HTTP semantics


@case("8.1", stream_error(PROTOCOL_ERROR))
def second_headers_without_the_end_of_the_stream(c):
    return headers(c, END_HEADERS) + raw_frame(HEADERS, END_HEADERS, 1, c.block([("x-test", "ok")]))


@case("8.1.1", stream_error(PROTOCOL_ERROR))
def content_length_that_one_frame_contradicts(c):
    return c.request(with_field("content-length", "1"), b"test")


@case("8.1.1", stream_error(PROTOCOL_ERROR))
def content_length_that_several_frames_contradict(c):
    opened = c.request(with_field("content-length", "1"), b"te", end=False)
    return opened + raw_frame(DATA, END_STREAM, 1, b"st")


@case("8.4", connection_error(PROTOCOL_ERROR))
def push_promise_of_a_client(c):
    return headers(c, END_HEADERS) + raw_frame(PUSH_PROMISE, END_HEADERS, 1, struct.pack(">I", 3) + c.block())


MALFORMED = {
    "8.2-capital_name": with_field("X-TEST", "ok"),
    "8.2.2-connection": with_field("connection", "keep-alive"),
    "8.2.2-te_other_than_trailers": [*without("te"), ("te", "trailers, deflate;q=0.5")],
    "8.3-unknown_pseudo_header": [(":test", "ok"), *ECHO],
    "8.3-pseudo_header_of_responses": [(":status", "200"), *ECHO],
    "8.3-pseudo_header_behind_others": [*without(":path"), (":path", "/bench.Echo/Unary")],
    "8.3.1-empty_path": [(":path", ""), *without(":path")],
    "8.3.1-no_method": without(":method"),
    "8.3.1-no_scheme": without(":scheme"),
    "8.3.1-no_path": without(":path"),
    "8.3.1-two_methods": twice(":method"),
    "8.3.1-two_schemes": twice(":scheme"),
    "8.3.1-two_paths": twice(":path"),
}


@pytest.mark.parametrize("name", MALFORMED)
def test_malformed_request(connect, name):
    with connect() as c:
        c.send(headers(c, WHOLE, MALFORMED[name]))
        stream_error(PROTOCOL_ERROR)(c)


@case("8.1", stream_error(PROTOCOL_ERROR))
def pseudo_header_in_trailers(c):
    return headers(c, END_HEADERS) + raw_frame(HEADERS, WHOLE, 1, c.block([(":method", "POST")]))


# RFC 7541


@case("hpack-2.3.3", connection_error(COMPRESSION_ERROR))
def indexed_field_beyond_the_tables(c):
    return block(c, b"\xc6")


@case("hpack-2.3.3", connection_error(COMPRESSION_ERROR))
def literal_with_a_name_beyond_the_tables(c):
    return block(c, b"\x7f\x07\x01a")


@case("hpack-4.2", connection_error(COMPRESSION_ERROR))
def size_update_at_the_end(c):
    return block(c, b"\x21")


@case("hpack-5.2", connection_error(COMPRESSION_ERROR))
def huffman_padding_of_more_than_7_bits(c):
    return block(c, b"\x00\x85\xf2\xb2\x4a\x84\xff\x84\x49\x50\x9f\xff")


@case("hpack-5.2", connection_error(COMPRESSION_ERROR))
def huffman_padding_of_zeros(c):
    return block(c, b"\x00\x85\xf2\xb2\x4a\x84\xff\x83\x49\x50\x90")


@case("hpack-5.2", connection_error(COMPRESSION_ERROR))
def huffman_end_of_string(c):
    return block(c, b"\x00\x85\xf2\xb2\x4a\x84\xff\x87\x49\x51\xff\xff\xff\xfa\x7f")


@case("hpack-6.1", connection_error(COMPRESSION_ERROR))
def indexed_field_0(c):
    return block(c, b"\x80")


@case("hpack-6.3", connection_error(COMPRESSION_ERROR))
def size_update_above_the_limit(c):
    return raw_frame(HEADERS, WHOLE, c.stream(), b"\x3f\xe1\xff\x03" + c.block())


# The tests


@pytest.fixture(scope="module")
def server(request: pytest.FixtureRequest):
    if request.config.getoption("--self-check"):
        pytest.skip("judges our programs only")
    server = Server(binary("bench-server"))
    yield server
    server.stop()


@pytest.fixture
def connect(server):
    return lambda **options: Connection(server.port, **options)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_case(connect, case):
    with connect() as connection:
        connection.send(case.send(connection))
        judge = accepted if case.name in DEVIATIONS else case.judge
        judge(connection)


def test_every_deviation_is_one_of_a_case():
    assert set(DEVIATIONS) <= {case.name for case in CASES}


def test_3_4_invalid_preface(connect):
    with connect(preface=False) as c:
        c.send(b"INVALID CONNECTION PREFACE\r\n\r\n")
        assert c.read_to_end() and c.goaway in (None, PROTOCOL_ERROR)


def test_5_1_2_more_streams_than_allowed_are_refused(connect):
    with connect() as c:
        assert c.read_until(lambda: c.of(frames.SettingsFrame))
        limit = c.of(frames.SettingsFrame)[0].settings[frames.SettingsFrame.MAX_CONCURRENT_STREAMS]
        c.send(b"".join(headers(c, END_HEADERS) for _ in range(limit + 1)))
        last = c.next_stream - 2
        c.read_until(lambda: c.reset(last) is not None or c.goaway is not None)
        assert c.reset(last) in (REFUSED_STREAM, PROTOCOL_ERROR), summary(c)


def test_6_5_3_settings_are_acknowledged(connect):
    with connect() as c:
        c.send(settings((INITIAL_WINDOW_SIZE, 100), (INITIAL_WINDOW_SIZE, 1)))
        # One for the preface's, one for these.
        acks = lambda: [frame for frame in c.of(frames.SettingsFrame) if "ACK" in frame.flags]
        assert c.read_until(lambda: len(acks()) == 2), summary(c)


def test_6_7_a_ping_is_acknowledged_and_an_acknowledgement_is_not(connect):
    with connect() as c:
        c.send(ping(b"unwanted", flags=ACK) + ping(b"answered"))
        assert c.read_until(lambda: acknowledged(c, b"answered"))
        assert not acknowledged(c, b"unwanted")


def body(c: Connection) -> list[int]:
    return [len(frame.data) for frame in c.of(frames.DataFrame)]


def test_6_9_1_no_more_is_sent_than_the_window_has(connect):
    with connect() as c:
        c.send(settings((INITIAL_WINDOW_SIZE, 1)) + c.request())
        assert c.read_until(lambda: body(c)) and body(c) == [1], summary(c)


def test_6_9_2_a_window_grows_with_its_initial_size(connect):
    with connect() as c:
        c.send(settings((INITIAL_WINDOW_SIZE, 0)) + c.request())
        c.send(ping(b"held off"))
        assert c.read_until(lambda: acknowledged(c, b"held off")) and sum(body(c)) == 0
        c.send(settings((INITIAL_WINDOW_SIZE, 1)))
        assert c.read_until(lambda: sum(body(c))) and body(c) == [1], summary(c)


def test_6_9_2_a_window_can_be_negative(connect):
    with connect() as c:
        c.send(settings((INITIAL_WINDOW_SIZE, 3)) + c.request())
        assert c.read_until(lambda: sum(body(c)) == 3), summary(c)
        c.send(settings((INITIAL_WINDOW_SIZE, 2)) + window_update(1, 2))
        assert c.read_until(lambda: sum(body(c)) == 4), summary(c)
        c.send(ping(b"negative"))
        assert c.read_until(lambda: acknowledged(c, b"negative")) and sum(body(c)) == 4
