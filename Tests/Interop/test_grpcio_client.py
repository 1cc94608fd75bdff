"""A stock gRPC client calls our server: each call kind, and each way a call can end."""

import asyncio
import itertools
import threading
import time

import grpc
import pytest
from google.protobuf import any_pb2, duration_pb2
from google.rpc import error_details_pb2, status_pb2
from grpc_status import rpc_status

from stubs import bench, bench_grpc, interop, interop_grpc

LIMIT = 4 << 20
UNLIMITED = [("grpc.max_receive_message_length", -1), ("grpc.max_send_message_length", -1)]
SIZES = [27182, 8, 1828, 45904]
End = interop.HandlerEndResponse


@pytest.fixture
def stub(interop_server):
    with grpc.insecure_channel(interop_server.target, UNLIMITED) as channel:
        yield interop_grpc.InteropStub(channel)


@pytest.fixture
def echo(bench_server):
    with grpc.insecure_channel(bench_server.target, UNLIMITED) as channel:
        yield bench_grpc.EchoStub(channel)


def failure(code: int, message: str = "", **trailers: bytes):
    entries = [interop.MetadataEntry(name=name.replace("_", "-"), value=value) for name, value in trailers.items()]
    return interop.Failure(code=code, message=message, trailers=entries)


def error_of(call) -> grpc.RpcError:
    with pytest.raises(grpc.RpcError) as caught:
        call()
    return caught.value


def handler_end(stub, key: str) -> int:
    return stub.HandlerEnd(interop.HandlerEndRequest(key=key), timeout=5).end


def wait_until_handler_runs(stub, key: str) -> None:
    """A HandlerEnd that runs into its deadline shows that the handler has begun and not ended."""
    for _ in range(100):
        try:
            end = stub.HandlerEnd(interop.HandlerEndRequest(key=key), timeout=0.1).end
        except grpc.RpcError as error:
            assert error.code() == grpc.StatusCode.DEADLINE_EXCEEDED
            return
        assert end == End.END_UNSPECIFIED, f"the handler of {key} has ended: {end}"
    pytest.fail(f"no handler of {key} was seen to run")


def values(metadata, name: str) -> list:
    return [value for key, value in metadata or () if key == name]


# Each call kind


@pytest.mark.parametrize("size", [0, 1, 271_828])
def test_a_unary_call_echoes_its_payload(stub, size):
    payload = bytes(itertools.islice(itertools.cycle(range(251)), size))
    assert stub.Echo(interop.EchoRequest(payload=payload), timeout=5).payload == payload


@pytest.mark.parametrize("sizes", [SIZES, []])
def test_a_client_stream_is_collected(stub, sizes):
    response = stub.Collect((interop.EchoRequest(payload=bytes(size)) for size in sizes), timeout=5)
    assert (response.messages, response.payload_bytes) == (len(sizes), sum(sizes))


@pytest.mark.parametrize("sizes", [[31415, 9, 2653, 58979], []])
def test_a_server_stream_sends_each_message_in_order(stub, sizes):
    responses = list(stub.Expand(interop.ExpandRequest(sizes=sizes), timeout=5))
    assert [response.payload for response in responses] == [bytes([i]) * size for i, size in enumerate(sizes)]


def test_a_bidirectional_stream_answers_each_message_before_the_next_is_sent(stub):
    answered = threading.Semaphore(1)

    def requests():
        for size in SIZES:
            assert answered.acquire(timeout=5)
            yield interop.EchoRequest(payload=bytes(size))

    received = []
    for response in stub.Converse(requests(), timeout=10):
        received.append(len(response.payload))
        answered.release()
    assert received == SIZES


def test_a_bidirectional_stream_without_messages_ends_well(stub):
    assert list(stub.Converse(iter(()), timeout=5)) == []


def test_the_bench_service_answers_each_kind(echo):
    message = bench.Msg(payload=b"p" * 100)
    assert echo.Unary(message, timeout=5) == message
    assert echo.ClientStream(iter([bench.Msg(payload=b"a"), message]), timeout=5) == message
    assert list(echo.ServerStream(message, timeout=5, metadata=[("x-bench-messages", "7")])) == [message] * 7
    assert list(echo.Bidi(iter([message] * 9), timeout=5)) == [message] * 9


# Metadata


def test_metadata_comes_back_with_every_value_in_order(stub):
    blob = bytes(range(256))
    sent = [("x-echo-text", "one"), ("x-echo-blob-bin", blob), ("x-echo-text", "two"), ("x-echo-blob-bin", b"")]
    _, call = stub.Echo.with_call(interop.EchoRequest(), timeout=5, metadata=sent)
    stream = stub.Converse(iter([interop.EchoRequest()]), timeout=5, metadata=sent)
    assert len(list(stream)) == 1
    for metadata in (
        call.initial_metadata(),
        call.trailing_metadata(),
        stream.initial_metadata(),
        stream.trailing_metadata(),
    ):
        assert values(metadata, "x-echo-text") == ["one", "two"]
        assert values(metadata, "x-echo-blob-bin") == [blob, b""]


def test_metadata_of_many_kilobytes_arrives(stub):
    text = "v" * 1000
    sent = [(f"x-echo-{number}", text) for number in range(5)]
    _, call = stub.Echo.with_call(interop.EchoRequest(), timeout=5, metadata=sent)
    assert [values(call.initial_metadata(), name) for name, _ in sent] == [[text]] * 5


def test_metadata_above_the_limit_fails_the_call_and_not_the_connection(stub):
    error = error_of(lambda: stub.Echo(interop.EchoRequest(), timeout=5, metadata=[("x-echo-a", "v" * 20_000)]))
    assert error.code() == grpc.StatusCode.RESOURCE_EXHAUSTED
    assert stub.Echo(interop.EchoRequest(payload=b"after"), timeout=5).payload == b"after"


# Statuses


@pytest.mark.parametrize("code", [code for code in grpc.StatusCode if code is not grpc.StatusCode.OK])
def test_each_status_code_arrives(stub, code):
    request = interop.EchoRequest(failure=failure(code.value[0], f"as {code.name}"))
    error = error_of(lambda: stub.Echo(request, timeout=5))
    assert (error.code(), error.details()) == (code, f"as {code.name}")


@pytest.mark.parametrize(
    "message",
    [
        "\t\ntest with whitespace\r\nand Unicode BMP ☺ and non-BMP 😈\t\n",
        "100 % of 50%25, %zz",
        "",
        "é" * 600,
    ],
)
@pytest.mark.parametrize("code", [2, 9])
def test_a_status_message_arrives_to_the_byte(stub, code, message):
    error = error_of(lambda: stub.Echo(interop.EchoRequest(failure=failure(code, message)), timeout=5))
    assert (error.code().value[0], error.details()) == (code, message)


def test_a_status_message_that_is_too_long_is_cut_and_not_lost(needs_our_programs, stub):
    """4 KiB on the wire, where each of these characters takes six bytes; never in the middle of one."""
    error = error_of(lambda: stub.Echo(interop.EchoRequest(failure=failure(9, "é" * 5000)), timeout=5))
    assert error.code() == grpc.StatusCode.FAILED_PRECONDITION
    assert error.details() == "é" * (4096 // 6)


def test_trailers_come_with_the_status(stub):
    request = interop.EchoRequest(failure=failure(9, "no", x_detail=b"seen", x_detail_bin=b"\x00\xff"))
    error = error_of(lambda: stub.Echo(request, timeout=5, metadata=[("x-echo-too", "yes")]))
    assert values(error.trailing_metadata(), "x-detail") == ["seen"]
    assert values(error.trailing_metadata(), "x-detail-bin") == [b"\x00\xff"]
    assert values(error.trailing_metadata(), "x-echo-too") == ["yes"]


def packed(message) -> any_pb2.Any:
    result = any_pb2.Any()
    result.Pack(message)
    return result


def test_error_details_arrive_as_one_status(stub):
    details = [
        any_pb2.Any(type_url="example.org/bulwark.Unknown", value=b"\xde\xad"),
        packed(error_details_pb2.RetryInfo(retry_delay=duration_pb2.Duration(seconds=1, nanos=500_000_000))),
        packed(error_details_pb2.ErrorInfo(reason="CIRCUIT_OPEN", metadata={"policy": "votes"})),
    ]
    failing = interop.Failure(code=8, message="100 % ☺", details=details)
    error = error_of(lambda: stub.Echo(interop.EchoRequest(failure=failing), timeout=5))
    # This raises if the status that came says otherwise than grpc-status and grpc-message.
    assert rpc_status.from_call(error) == status_pb2.Status(code=8, message="100 % ☺", details=details)


def test_details_that_are_too_large_leave_the_status(needs_our_programs, stub):
    details = [packed(error_details_pb2.DebugInfo(detail="x" * 20_000))]
    failing = interop.Failure(code=8, message="m", details=details)
    error = error_of(lambda: stub.Echo(interop.EchoRequest(failure=failing), timeout=5))
    assert (error.code(), error.details()) == (grpc.StatusCode.RESOURCE_EXHAUSTED, "m")
    assert rpc_status.from_call(error) is None


def test_a_stream_can_fail_after_its_messages(stub):
    responses = stub.Expand(interop.ExpandRequest(sizes=[3, 5], failure=failure(10, "late")), timeout=5)
    assert [len(next(responses).payload), len(next(responses).payload)] == [3, 5]
    error = error_of(lambda: next(responses))
    assert (error.code(), error.details()) == (grpc.StatusCode.ABORTED, "late")


@pytest.mark.parametrize("method", ["Collect", "Converse"])
def test_a_server_can_answer_before_the_requests_end(stub, method):
    ended = threading.Event()

    def requests():
        yield interop.EchoRequest(failure=failure(9, "early"))
        while not ended.is_set():
            yield interop.EchoRequest(payload=bytes(65_536))

    def call():
        if method == "Collect":
            stub.Collect(requests(), timeout=10)
        else:
            list(stub.Converse(requests(), timeout=10))

    error = error_of(call)
    ended.set()
    assert (error.code(), error.details()) == (grpc.StatusCode.FAILED_PRECONDITION, "early")


@pytest.mark.parametrize("path", ["/bulwark.interop.Interop/Nothing", "/bulwark.interop.Nobody/Echo"])
def test_an_unknown_method_is_unimplemented(interop_server, path):
    with grpc.insecure_channel(interop_server.target) as channel:
        error = error_of(lambda: channel.unary_unary(path)(b"", timeout=5))
    assert error.code() == grpc.StatusCode.UNIMPLEMENTED


def test_a_message_that_is_not_the_declared_one_is_refused(needs_our_programs, interop_server):
    with grpc.insecure_channel(interop_server.target) as channel:
        error = error_of(lambda: channel.unary_unary("/bulwark.interop.Interop/Echo")(b"\xff\xff\xff", timeout=5))
    assert error.code() == grpc.StatusCode.INTERNAL


# Deadlines and cancellation


def test_a_deadline_ends_the_call_and_cancels_the_handler(stub):
    started = time.monotonic()
    error = error_of(lambda: stub.Echo(interop.EchoRequest(delay_ms=60_000, key="late"), timeout=0.2))
    assert error.code() == grpc.StatusCode.DEADLINE_EXCEEDED
    assert time.monotonic() - started < 1.2
    assert handler_end(stub, "late") == End.END_CANCELLED


def test_a_deadline_ends_a_stream_in_its_middle(stub):
    received = []

    def call():
        for response in stub.Expand(interop.ExpandRequest(sizes=[1] * 100, delay_ms=50, key="slow"), timeout=0.4):
            received.append(response)

    assert error_of(call).code() == grpc.StatusCode.DEADLINE_EXCEEDED
    assert 1 <= len(received) < 100
    assert handler_end(stub, "slow") == End.END_CANCELLED


def test_the_handler_sees_the_deadline(stub):
    request = interop.EchoRequest(want_report=True)
    assert 0 < stub.Echo(request, timeout=4).report.deadline_remaining_ms <= 4000
    assert stub.Echo(request).report.deadline_remaining_ms == 0


def test_a_cancelled_unary_call_cancels_the_handler(stub):
    call = stub.Echo.future(interop.EchoRequest(delay_ms=60_000, key="gone"), timeout=90)
    wait_until_handler_runs(stub, "gone")
    assert call.cancel()
    assert handler_end(stub, "gone") == End.END_CANCELLED


def test_a_cancelled_server_stream_cancels_the_handler(stub):
    call = stub.Expand(interop.ExpandRequest(sizes=[10] * 1000, delay_ms=10, key="gone"), timeout=90)
    assert len(next(call).payload) == 10
    call.cancel()
    assert handler_end(stub, "gone") == End.END_CANCELLED


def test_a_client_stream_cancelled_between_its_requests_cancels_the_handler(stub):
    finish = threading.Event()

    def requests():
        yield interop.EchoRequest(payload=b"first", key="gone")
        finish.wait(30)

    call = stub.Collect.future(requests(), timeout=90)
    wait_until_handler_runs(stub, "gone")
    call.cancel()
    assert handler_end(stub, "gone") == End.END_CANCELLED
    finish.set()


def test_a_client_that_closes_its_connection_cancels_the_handlers(interop_server, stub):
    channel = grpc.insecure_channel(interop_server.target, [("grpc.use_local_subchannel_pool", 1)])
    call = interop_grpc.InteropStub(channel).Echo.future(interop.EchoRequest(delay_ms=60_000, key="gone"), timeout=90)
    wait_until_handler_runs(stub, "gone")
    channel.close()
    assert call.done()
    assert handler_end(stub, "gone") == End.END_CANCELLED


# Sizes and numbers


def test_a_request_at_the_limit_is_taken_and_one_byte_more_is_refused(echo):
    payload = bytes(LIMIT - 5)
    message = bench.Msg(payload=payload)
    assert message.ByteSize() == LIMIT
    assert echo.Unary(message, timeout=20).payload == payload
    error = error_of(lambda: echo.Unary(bench.Msg(payload=payload + b"\0"), timeout=20))
    assert error.code() == grpc.StatusCode.RESOURCE_EXHAUSTED
    assert echo.Unary(bench.Msg(payload=b"after"), timeout=5).payload == b"after"


def test_a_slow_reader_gets_everything(stub):
    """128 MiB do not fit into any window: the server has to wait for the reader, and not to lose its place."""
    count = 0
    for index, response in enumerate(stub.Expand(interop.ExpandRequest(sizes=[65_536] * 2048), timeout=60)):
        assert response.payload[0] == index % 256 and len(response.payload) == 65_536
        count += 1
    assert count == 2048


def test_a_thousand_calls_in_flight_on_one_connection(stub):
    calls = [
        (number, stub.Echo.future(interop.EchoRequest(payload=b"%04d" % number, delay_ms=200), timeout=30))
        for number in range(1000)
    ]
    assert all(call.result(30).payload == b"%04d" % number for number, call in calls)


# Restarts


class Load:
    """Fifty calls in flight at all times, each with a key and a payload of its own; what became of each is kept."""

    IN_FLIGHT = 50
    ALLOWED = {grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.DEADLINE_EXCEEDED}

    def __init__(self, channel: grpc.aio.Channel):
        self.stub = interop_grpc.InteropStub(channel)
        self.numbers = itertools.count()
        self.answered = 0
        self.failures: list[grpc.aio.AioRpcError] = []
        self.stopping = False
        self.progress = asyncio.Condition()
        self.workers: list[asyncio.Task] = []

    async def __aenter__(self) -> "Load":
        self.workers = [asyncio.create_task(self.work()) for _ in range(self.IN_FLIGHT)]
        return self

    async def __aexit__(self, *_) -> None:
        for worker in self.workers:
            worker.cancel()
        await asyncio.gather(*self.workers, return_exceptions=True)

    async def work(self) -> None:
        while not self.stopping:
            key = f"call-{next(self.numbers)}"
            request = interop.EchoRequest(payload=key.encode(), key=key, delay_ms=2, want_report=True)
            try:
                # The outer bound is what "nothing hangs" means.
                response = await asyncio.wait_for(self.stub.Echo(request, timeout=2), 4)
            except grpc.aio.AioRpcError as error:
                assert error.code() in self.ALLOWED, error
                self.failures.append(error)
                continue
            assert response.payload == key.encode()
            assert response.report.attempt == 1
            self.answered += 1
            async with self.progress:
                self.progress.notify_all()

    async def more(self, count: int) -> None:
        """Waits for `count` more answers, or for the failure of a worker."""
        goal = self.answered + count

        async def enough() -> None:
            async with self.progress:
                await self.progress.wait_for(lambda: self.answered >= goal)

        waiting = asyncio.create_task(enough())
        done, _ = await asyncio.wait([waiting, *self.workers], timeout=30, return_when=asyncio.FIRST_COMPLETED)
        if waiting not in done:
            waiting.cancel()
            for worker in done:
                worker.result()
            pytest.fail(f"no {count} answers in 30 s; {self.answered} before, failures {self.failures[-3:]}")

    async def stop(self) -> None:
        self.stopping = True
        await asyncio.wait_for(asyncio.gather(*self.workers), 10)


# Reconnects at once, so that the test does not measure the client's backoff.
RECONNECT = [("grpc.initial_reconnect_backoff_ms", 100), ("grpc.max_reconnect_backoff_ms", 200)]


async def restart_under_load(server, programs, how: str) -> list[grpc.aio.AioRpcError]:
    """What failed of a load during which the server was ended in this way and started again."""
    async with grpc.aio.insecure_channel(server.target, RECONNECT) as channel, Load(channel) as load:
        await load.more(500)
        await asyncio.to_thread(getattr(server, how))
        again = await asyncio.to_thread(server.restarted)
        programs.append(again)
        await load.more(500)
        await load.stop()
        await asyncio.to_thread(again.stop)
        return load.failures


def test_nothing_hangs_when_the_server_is_killed_and_restarted_under_load(interop_server, programs):
    failures = asyncio.run(restart_under_load(interop_server, programs, "kill"))
    assert failures, "calls were in flight when the server died"


def test_a_graceful_stop_under_load_finishes_what_it_has_begun(needs_our_programs, interop_server, programs):
    """Whatever fails was refused before it had an effect: no connection, never a connection that broke."""
    failures = asyncio.run(restart_under_load(interop_server, programs, "stop"))
    assert all(error.code() == grpc.StatusCode.UNAVAILABLE for error in failures)
    assert not [error.details() for error in failures if "reset" in error.details() or "closed" in error.details()]
