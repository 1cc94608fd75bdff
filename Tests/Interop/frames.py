"""A raw HTTP/2 connection: frames are built by hyperframe, header blocks by hpack, and nothing is held back."""

import socket
import struct
import time

import hpack
from hyperframe import frame as frames

PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"

NO_ERROR, PROTOCOL_ERROR, INTERNAL_ERROR, FLOW_CONTROL_ERROR, SETTINGS_TIMEOUT, STREAM_CLOSED, FRAME_SIZE_ERROR = range(
    7
)
REFUSED_STREAM, CANCEL, COMPRESSION_ERROR, CONNECT_ERROR, ENHANCE_YOUR_CALM = range(7, 12)

ECHO = [
    (":method", "POST"),
    (":scheme", "http"),
    (":path", "/bench.Echo/Unary"),
    (":authority", "localhost"),
    ("content-type", "application/grpc"),
    ("te", "trailers"),
]


def message(payload: bytes, flag: int = 0) -> bytes:
    """A gRPC length-prefixed message."""
    return struct.pack(">BI", flag, len(payload)) + payload


def raw_frame(kind: int, flags: int, stream: int, payload: bytes = b"") -> bytes:
    return struct.pack(">I", len(payload))[1:] + struct.pack(">BBI", kind, flags, stream) + payload


class Connection:
    """Writes what it is told to and keeps every frame that comes back."""

    def __init__(self, port: int, *, preface: bool = True, receive_buffer: int | None = None):
        self.socket = socket.socket()
        if receive_buffer is not None:
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        self.socket.settimeout(20)
        self.socket.connect(("127.0.0.1", port))
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.encoder, self.decoder = hpack.Encoder(), hpack.Decoder()
        self.encoder.huffman = False
        self.buffer = b""
        self.received: list[frames.Frame] = []
        self.closed = False
        self.next_stream = 1
        if preface:
            self.send(PREFACE + frames.SettingsFrame(0).serialize())

    def __enter__(self) -> "Connection":
        return self

    def __exit__(self, *_) -> None:
        self.socket.close()

    def send(self, data: bytes) -> bool:
        """Whether the peer still took it: an attacker goes on until he is thrown out, and then reads why."""
        try:
            self.socket.sendall(data)
            return True
        except (BrokenPipeError, ConnectionResetError):
            return False

    def send_unread(self, data: bytes, seconds: float) -> int:
        """Writes for at most so long without ever reading; how many bytes went out."""
        self.socket.settimeout(seconds)
        view, sent = memoryview(data), 0
        try:
            while sent < len(data):
                sent += self.socket.send(view[sent:])
        except (TimeoutError, BrokenPipeError, ConnectionResetError):
            pass
        self.socket.settimeout(20)
        return sent

    def stream(self) -> int:
        stream = self.next_stream
        self.next_stream += 2
        return stream

    def block(self, headers=ECHO) -> bytes:
        """A header block; every field is a literal, so that blocks do not depend on each other."""
        return self.encoder.encode([hpack.NeverIndexedHeaderTuple(*header) for header in headers])

    def request(
        self, headers=ECHO, body: bytes | None = message(b""), *, end: bool = True, stream: int | None = None
    ) -> bytes:
        """The bytes of a whole request; without a body the headers alone, and open unless `end`."""
        stream = self.stream() if stream is None else stream
        head = frames.HeadersFrame(stream, self.block(headers))
        head.flags.add("END_HEADERS")
        if body is None:
            if end:
                head.flags.add("END_STREAM")
            return head.serialize()
        data = frames.DataFrame(stream, body)
        if end:
            data.flags.add("END_STREAM")
        return head.serialize() + data.serialize()

    def read(self, seconds: float) -> bool:
        """Takes in what comes within so many seconds; False when nothing did or the peer has closed."""
        self.socket.settimeout(max(seconds, 0.001))
        try:
            data = self.socket.recv(65_536)
        except TimeoutError:
            return False
        except ConnectionResetError:
            data = b""
        finally:
            self.socket.settimeout(20)
        if not data:
            self.closed = True
            return False
        self.buffer += data
        while len(self.buffer) >= 9:
            frame, length = frames.Frame.parse_frame_header(memoryview(self.buffer[:9]))
            if len(self.buffer) < 9 + length:
                break
            frame.parse_body(memoryview(self.buffer[9 : 9 + length]))
            self.buffer = self.buffer[9 + length :]
            self.take(frame)
        return True

    def take(self, frame: frames.Frame) -> None:
        self.received.append(frame)
        if isinstance(frame, frames.HeadersFrame):
            frame.headers = dict(self.decoder.decode(frame.data))

    def read_until(self, done, seconds: float = 10) -> bool:
        """Reads until `done()` holds or the peer has closed; whether it held."""
        until = time.monotonic() + seconds
        while not done() and not self.closed and (left := until - time.monotonic()) > 0:
            self.read(left)
        return bool(done())

    def read_to_end(self, seconds: float = 10) -> bool:
        """Whether the peer closed the connection within so many seconds."""
        self.read_until(lambda: self.closed, seconds)
        return self.closed

    def of(self, kind: type) -> list:
        return [frame for frame in self.received if isinstance(frame, kind)]

    @property
    def goaway(self) -> int | None:
        """The code of the last GOAWAY."""
        found = self.of(frames.GoAwayFrame)
        return found[-1].error_code if found else None

    def reset(self, stream: int) -> int | None:
        return next((f.error_code for f in self.of(frames.RstStreamFrame) if f.stream_id == stream), None)

    def ended(self, stream: int) -> bool:
        return self.reset(stream) is not None or any(
            frame.stream_id == stream and "END_STREAM" in frame.flags for frame in self.received
        )

    def headers(self, stream: int) -> dict[str, str]:
        """All response headers and trailers of a stream."""
        merged: dict[str, str] = {}
        for frame in self.of(frames.HeadersFrame):
            if frame.stream_id == stream:
                merged.update(frame.headers)
        return merged

    def status(self, stream: int) -> int | None:
        """The gRPC status of a stream; None if there is none yet."""
        value = self.headers(stream).get("grpc-status")
        return None if value is None else int(value)

    def answers(self, payload: bytes = b"\n\x05still") -> bool:
        """Whether a call on this connection is answered."""
        stream = self.next_stream
        self.send(self.request(body=message(payload)))
        self.read_until(lambda: self.ended(stream))
        body = b"".join(frame.data for frame in self.of(frames.DataFrame) if frame.stream_id == stream)
        return self.status(stream) == 0 and body == message(payload)
