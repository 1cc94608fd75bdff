"""gRPC's interop test cases, played by PyPI's grpcio as the client (grpc/doc/interop-test-descriptions.md)."""

import threading
import time

import grpc

from stubs import orca, orca_grpc, orca_report, testing, testing_empty, testing_grpc

INITIAL, TRAILING = "x-grpc-test-echo-initial", "x-grpc-test-echo-trailing-bin"
REQUEST_SIZES = [27182, 8, 1828, 45904]
RESPONSE_SIZES = [31415, 9, 2653, 58979]
LARGE = testing.SimpleRequest(response_size=314159, payload=testing.Payload(body=bytes(271828)))


def asking(response_size: int, request_size: int):
    return testing.StreamingOutputCallRequest(
        response_parameters=[testing.ResponseParameters(size=response_size)],
        payload=testing.Payload(body=bytes(request_size)),
    )


def large(**flags: bool):
    request = testing.SimpleRequest()
    request.CopyFrom(LARGE)
    for name, value in flags.items():
        getattr(request, name).value = value
    return request


class Requests:
    """Requests of a stream that are handed over one at a time, until it is closed."""

    def __init__(self):
        self._changed = threading.Condition()
        self._waiting, self._closed = [], False

    def send(self, request) -> None:
        with self._changed:
            self._waiting.append(request)
            self._changed.notify()

    def close(self) -> None:
        with self._changed:
            self._closed = True
            self._changed.notify()

    def __iter__(self):
        return self

    def __next__(self):
        with self._changed:
            self._changed.wait_for(lambda: self._waiting or self._closed)
            if self._waiting:
                return self._waiting.pop(0)
            raise StopIteration


def fails(call, code: grpc.StatusCode, message: str | None = None) -> None:
    try:
        call()
    except grpc.RpcError as error:
        assert error.code() == code, error
        assert message is None or error.details() == message, error
    else:
        raise AssertionError(f"expected {code}, but the call succeeded")


def empty_unary(channel):
    assert stub(channel).EmptyCall(testing_empty.Empty(), timeout=10) == testing_empty.Empty()


def large_unary(channel):
    assert stub(channel).UnaryCall(LARGE, timeout=10).payload.body == bytes(314159)


def client_streaming(channel):
    requests = [testing.StreamingInputCallRequest(payload=testing.Payload(body=bytes(n))) for n in REQUEST_SIZES]
    assert stub(channel).StreamingInputCall(iter(requests), timeout=10).aggregated_payload_size == 74922


def server_streaming(channel):
    parameters = [testing.ResponseParameters(size=size) for size in RESPONSE_SIZES]
    request = testing.StreamingOutputCallRequest(response_parameters=parameters)
    received = [response.payload.body for response in stub(channel).StreamingOutputCall(request, timeout=10)]
    assert received == [bytes(size) for size in RESPONSE_SIZES]


def client_compressed_unary(channel):
    unary = stub(channel).UnaryCall
    fails(lambda: unary(large(expect_compressed=True), timeout=10), grpc.StatusCode.INVALID_ARGUMENT)
    for algorithm in grpc.Compression.Gzip, grpc.Compression.Deflate:
        response = unary(large(expect_compressed=True), timeout=10, compression=algorithm)
        assert response.payload.body == bytes(314159)
    assert unary(large(expect_compressed=False), timeout=10).payload.body == bytes(314159)


def server_compressed_unary(channel):
    # What a response was compressed with, grpcio does not tell.
    for compressed in True, False:
        request = large(response_compressed=compressed)
        assert stub(channel).UnaryCall(request, timeout=10).payload.body == bytes(314159)


def client_compressed_streaming(channel):
    # A client of grpcio compresses all messages of a call, or none.
    def collect(size: int, expected: bool, **options) -> int:
        request = testing.StreamingInputCallRequest(
            payload=testing.Payload(body=bytes(size)), expect_compressed=testing.BoolValue(value=expected)
        )
        return stub(channel).StreamingInputCall(iter([request]), timeout=10, **options).aggregated_payload_size

    fails(lambda: collect(27182, True), grpc.StatusCode.INVALID_ARGUMENT)
    assert collect(27182, True, compression=grpc.Compression.Gzip) == 27182
    assert collect(45904, False) == 45904


def server_compressed_streaming(channel):
    asked = [(31415, True), (92653, False)]
    parameters = [
        testing.ResponseParameters(size=size, compressed=testing.BoolValue(value=compressed))
        for size, compressed in asked
    ]
    request = testing.StreamingOutputCallRequest(response_parameters=parameters)
    received = [response.payload.body for response in stub(channel).StreamingOutputCall(request, timeout=10)]
    assert received == [bytes(size) for size, _ in asked]


def ping_pong(channel):
    requests = Requests()
    responses = stub(channel).FullDuplexCall(requests, timeout=10)
    for request_size, response_size in zip(REQUEST_SIZES, RESPONSE_SIZES):
        requests.send(asking(response_size, request_size))
        assert next(responses).payload.body == bytes(response_size)
    requests.close()
    assert list(responses) == []


def empty_stream(channel):
    assert list(stub(channel).FullDuplexCall(iter(()), timeout=10)) == []


def custom_metadata(channel):
    metadata = ((INITIAL, "test_initial_metadata_value"), (TRAILING, b"\xab\xab\xab"))
    _, unary = stub(channel).UnaryCall.with_call(LARGE, metadata=metadata, timeout=10)
    duplex = stub(channel).FullDuplexCall(iter([asking(314159, 271828)]), metadata=metadata, timeout=10)
    assert len(list(duplex)) == 1
    for call in unary, duplex:
        assert [pair for pair in call.initial_metadata() if pair[0] == INITIAL] == [metadata[0]]
        assert [pair for pair in call.trailing_metadata() if pair[0] == TRAILING] == [metadata[1]]


def status_code_and_message(channel):
    status = testing.EchoStatus(code=2, message="test status message")
    fails(
        lambda: stub(channel).UnaryCall(testing.SimpleRequest(response_status=status), timeout=10),
        grpc.StatusCode.UNKNOWN,
        status.message,
    )
    requests = [testing.StreamingOutputCallRequest(response_status=status)]
    fails(
        lambda: list(stub(channel).FullDuplexCall(iter(requests), timeout=10)),
        grpc.StatusCode.UNKNOWN,
        status.message,
    )


def special_status_message(channel):
    message = "\t\ntest with whitespace\r\nand Unicode BMP ☺ and non-BMP 😈\t\n"
    request = testing.SimpleRequest(response_status=testing.EchoStatus(code=2, message=message))
    fails(lambda: stub(channel).UnaryCall(request, timeout=10), grpc.StatusCode.UNKNOWN, message)


def unimplemented_method(channel):
    fails(
        lambda: stub(channel).UnimplementedCall(testing_empty.Empty(), timeout=10),
        grpc.StatusCode.UNIMPLEMENTED,
    )


def unimplemented_service(channel):
    service = testing_grpc.UnimplementedServiceStub(channel)
    fails(lambda: service.UnimplementedCall(testing_empty.Empty(), timeout=10), grpc.StatusCode.UNIMPLEMENTED)


def cancel_after_begin(channel):
    requests = Requests()
    call = stub(channel).StreamingInputCall.future(requests)
    call.cancel()
    requests.close()
    assert call.cancelled() and call.code() == grpc.StatusCode.CANCELLED


def cancel_after_first_response(channel):
    requests = Requests()
    responses = stub(channel).FullDuplexCall(requests)
    requests.send(asking(31415, 27182))
    assert next(responses).payload.body == bytes(31415)
    responses.cancel()
    fails(lambda: next(responses), grpc.StatusCode.CANCELLED)
    requests.close()


def timeout_on_sleeping_server(channel):
    requests = Requests()
    responses = stub(channel).FullDuplexCall(requests, timeout=0.001)
    requests.send(testing.StreamingOutputCallRequest(payload=testing.Payload(body=bytes(27182))))
    fails(lambda: next(responses), grpc.StatusCode.DEADLINE_EXCEEDED)
    requests.close()


def rpc_soak(channel):
    for _ in range(10):
        start = time.monotonic()
        large_unary(channel)
        assert time.monotonic() - start < 1


def orca_oob(channel):
    wanted = orca.OrcaLoadReportRequest()
    wanted.report_interval.FromSeconds(1)
    received = orca_grpc.OpenRcaServiceStub(channel).StreamCoreMetrics(wanted, timeout=30)
    requests = Requests()
    responses = stub(channel).FullDuplexCall(requests, timeout=30)
    for cpu, memory, util in ((0.8210, 0.5847, 0.30499), (0.29309, 0.2, 0.2039)):
        report = testing.TestOrcaReport(cpu_utilization=cpu, memory_utilization=memory, utilization={"util": util})
        asked = testing.StreamingOutputCallRequest(orca_oob_report=report)
        asked.response_parameters.add(size=1)
        requests.send(asked)
        next(responses)
        expected = orca_report.OrcaLoadReport(cpu_utilization=cpu, mem_utilization=memory, utilization={"util": util})
        while next(received) != expected:
            pass
    requests.close()
    received.cancel()


def stub(channel):
    return testing_grpc.TestServiceStub(channel)


CASES = {
    case.__name__: case
    for case in (
        empty_unary,
        large_unary,
        client_streaming,
        server_streaming,
        client_compressed_unary,
        server_compressed_unary,
        client_compressed_streaming,
        server_compressed_streaming,
        ping_pong,
        empty_stream,
        custom_metadata,
        status_code_and_message,
        special_status_message,
        unimplemented_method,
        unimplemented_service,
        cancel_after_begin,
        cancel_after_first_response,
        timeout_on_sleeping_server,
        rpc_soak,
        orca_oob,
    )
}
