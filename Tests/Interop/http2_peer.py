"""Servers for the negative HTTP/2 cases of gRPC (grpc/doc/http2-interop-test-descriptions.md), played by PyPI's h2."""

import socket
import threading

import h2.config
import h2.connection
import h2.events
import h2.settings

from frames import message
from stubs import testing

HEADERS = [(":status", "200"), ("content-type", "application/grpc")]
TRAILERS = [("grpc-status", "0")]
RESPONSE = message(testing.SimpleResponse(payload=testing.Payload(body=bytes(314159))).SerializeToString())


class Peer:
    """Answers every call as large_unary wants it. A case changes one step of that."""

    chunk, padding = 16384, None
    max_streams: int | None = None

    def __init__(self):
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        self.connections: list[Connection] = []
        self.errors: list[Exception] = []
        self.threads = [threading.Thread(target=self._accept, daemon=True)]
        self.threads[0].start()

    def _accept(self) -> None:
        while True:
            try:
                accepted, _ = self.listener.accept()
            except OSError:
                return
            connection = Connection(accepted, self)
            self.connections.append(connection)
            self.threads.append(threading.Thread(target=self._serve, args=(connection,), daemon=True))
            self.threads[-1].start()

    def _serve(self, connection: "Connection") -> None:
        try:
            connection.serve()
        except Exception as error:
            self.errors.append(error)

    def close(self) -> None:
        """Waits for the connections to be over, and fails if h2 has found fault with one."""
        self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()
        for thread in self.threads:
            thread.join(10)
            assert not thread.is_alive(), "a connection is still open"
        assert self.errors == []

    def started(self, connection: "Connection") -> None:
        pass

    def requested(self, connection: "Connection", stream: int) -> None:
        connection.respond(stream, RESPONSE)

    def answered(self, connection: "Connection", stream: int) -> None:
        connection.h2.send_headers(stream, TRAILERS, end_stream=True)

    def pinged(self, connection: "Connection") -> None:
        pass


class Connection:
    def __init__(self, accepted: socket.socket, peer: Peer):
        self.socket, self.peer = accepted, peer
        self.h2 = h2.connection.H2Connection(h2.config.H2Configuration(client_side=False, header_encoding="utf-8"))
        self.unsent: dict[int, bytes] = {}
        self.requests = self.ping_acks = self.pings = self.most_open = 0

    def serve(self) -> None:
        if self.peer.max_streams is not None:
            self.h2.local_settings = h2.settings.Settings(
                client=False,
                initial_values={h2.settings.SettingCodes.MAX_CONCURRENT_STREAMS: self.peer.max_streams},
            )
        self.h2.initiate_connection()
        self.peer.started(self)
        with self.socket:
            self.flush()
            while data := self.receive():
                for event in self.h2.receive_data(data):
                    self.take(event)
                self.pump()
                self.flush()

    def receive(self) -> bytes:
        try:
            return self.socket.recv(65536)
        except ConnectionResetError:
            return b""

    def flush(self) -> None:
        try:
            self.socket.sendall(self.h2.data_to_send())
        except (BrokenPipeError, ConnectionResetError):
            pass

    def take(self, event: h2.events.Event) -> None:
        if isinstance(event, h2.events.RequestReceived):
            self.most_open = max(self.most_open, self.h2.open_inbound_streams)
        elif isinstance(event, h2.events.DataReceived):
            self.h2.acknowledge_received_data(event.flow_controlled_length, event.stream_id)
        elif isinstance(event, h2.events.StreamEnded):
            self.requests += 1
            self.peer.requested(self, event.stream_id)
        elif isinstance(event, h2.events.PingAckReceived):
            self.ping_acks += 1
        elif isinstance(event, h2.events.PingReceived):
            self.peer.pinged(self)

    def respond(self, stream: int, body: bytes) -> None:
        self.h2.send_headers(stream, HEADERS)
        self.unsent[stream] = body

    def ping(self) -> None:
        self.pings += 1
        self.h2.ping(self.pings.to_bytes(8, "big"))

    def pump(self) -> None:
        """Sends what the windows have room for."""
        overhead = 0 if self.peer.padding is None else self.peer.padding + 1
        for stream, body in list(self.unsent.items()):
            while body and (room := self.h2.local_flow_control_window(stream) - overhead) > 0:
                count = min(self.peer.chunk, room, self.h2.max_outbound_frame_size - overhead)
                self.h2.send_data(stream, body[:count], pad_length=self.peer.padding)
                body = body[count:]
            self.unsent[stream] = body
            if not body:
                del self.unsent[stream]
                self.peer.answered(self, stream)


class GoAway(Peer):
    """Says GOAWAY behind the first answer of its first connection."""

    def answered(self, connection, stream):
        super().answered(connection, stream)
        if len(self.connections) == 1:
            connection.h2.close_connection(last_stream_id=stream)


class ResetAfterHeader(Peer):
    def requested(self, connection, stream):
        connection.h2.send_headers(stream, HEADERS)
        connection.h2.reset_stream(stream)


class ResetDuringData(Peer):
    def requested(self, connection, stream):
        connection.respond(stream, RESPONSE[: len(RESPONSE) // 2])

    def answered(self, connection, stream):
        connection.h2.reset_stream(stream)


class ResetAfterData(Peer):
    def answered(self, connection, stream):
        connection.h2.reset_stream(stream)


class Ping(Peer):
    """Pings at the start, before each response and behind its messages."""

    def started(self, connection):
        connection.ping()

    def requested(self, connection, stream):
        connection.ping()
        super().requested(connection, stream)

    def answered(self, connection, stream):
        connection.ping()
        super().answered(connection, stream)


class MaxStreams(Peer):
    max_streams = 1


class PaddedData(Peer):
    """Five bytes in each frame, behind which there are 255 of padding."""

    chunk, padding = 5, 255


class SmallData(Peer):
    """As many frames as PaddedData, without its padding."""

    chunk = 5
