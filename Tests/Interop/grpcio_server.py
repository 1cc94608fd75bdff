"""A server that is not ours: PyPI's grpcio serving the interop, tally, echo and consensus APIs.

    python Tests/Interop/grpcio_server.py --listen 127.0.0.1:0

The journal gets a line for each Echo that carries a key, when its handler starts, flushed before it goes on.
"""

import argparse
import asyncio
import collections
import pathlib
import signal

import grpc
from google.protobuf import empty_pb2
from google.rpc import status_pb2
from grpc_status import rpc_status

from fake_consensus import FakeConsensus
from stubs import bench, bench_grpc, consensus_grpc, interop, interop_grpc, tally, tally_grpc

CODES = {code.value[0]: code for code in grpc.StatusCode}


def echoed(context: grpc.aio.ServicerContext) -> list[tuple[str, str | bytes]]:
    return [(name, value) for name, value in context.invocation_metadata() or () if name.startswith("x-echo-")]


class Ledger:
    """What became of each call that has a key."""

    def __init__(self, journal: str | None):
        self.attempts: dict[str, int] = {}
        self.ends: dict[str, asyncio.Future] = {}
        self.journal = open(journal, "a", buffering=1) if journal else None

    def begin(self, key: str) -> None:
        if not key:
            return
        self.attempts[key] = self.attempts.get(key, 0) + 1
        self.ends[key] = asyncio.get_running_loop().create_future()
        if self.journal:
            self.journal.write(key + "\n")

    def end(self, key: str, cancelled: bool) -> None:
        if key:
            end = interop.HandlerEndResponse
            self.ends[key].set_result(end.END_CANCELLED if cancelled else end.END_RETURNED)


class Handling:
    """The span of one handler: metadata going back, and its end noted."""

    def __init__(self, ledger: Ledger, context: grpc.aio.ServicerContext):
        self.ledger, self.context, self.key = ledger, context, ""

    async def __aenter__(self) -> "Handling":
        remaining = self.context.time_remaining()
        self.deadline_remaining_ms = 0 if remaining is None else max(1, int(remaining * 1000))
        self.context.set_trailing_metadata(echoed(self.context))
        return self

    async def __aexit__(self, kind, error, trace) -> None:
        self.ledger.end(self.key, kind is asyncio.CancelledError)

    def begin(self, key: str) -> None:
        self.key = key
        self.ledger.begin(key)

    async def fail(self, failure) -> None:
        if not 1 <= failure.code <= 16:
            await self.context.abort(
                grpc.StatusCode.INVALID_ARGUMENT, f"failure.code must be 1 to 16, got {failure.code}"
            )
        trailers = [(t.name, t.value if t.name.endswith("-bin") else t.value.decode()) for t in failure.trailers]
        if failure.details:
            status = status_pb2.Status(code=failure.code, message=failure.message, details=failure.details)
            trailers += rpc_status.to_status(status).trailing_metadata
        await self.context.abort(CODES[failure.code], failure.message, (*echoed(self.context), *trailers))

    async def answer(self, request) -> "interop.EchoResponse":
        if request.delay_ms:
            await asyncio.sleep(request.delay_ms / 1000)
        if request.HasField("failure"):
            await self.fail(request.failure)
        response = interop.EchoResponse(payload=request.payload)
        if request.want_report:
            response.report.deadline_remaining_ms = self.deadline_remaining_ms
            response.report.attempt = self.ledger.attempts.get(self.key, 0)
        return response


class Interop(interop_grpc.InteropServicer):
    def __init__(self, ledger: Ledger):
        self.ledger = ledger

    async def Echo(self, request, context):
        async with Handling(self.ledger, context) as handling:
            handling.begin(request.key)
            response = await handling.answer(request)
            await context.send_initial_metadata(echoed(context))
            return response

    async def Collect(self, requests, context):
        async with Handling(self.ledger, context) as handling:
            result = interop.CollectResponse()
            async for request in requests:
                if result.messages == 0:
                    handling.begin(request.key)
                if request.HasField("failure"):
                    await handling.fail(request.failure)
                result.messages += 1
                result.payload_bytes += len(request.payload)
            await context.send_initial_metadata(echoed(context))
            return result

    async def Expand(self, request, context):
        async with Handling(self.ledger, context) as handling:
            handling.begin(request.key)
            await context.send_initial_metadata(echoed(context))
            for index, size in enumerate(request.sizes):
                await asyncio.sleep(request.delay_ms / 1000)
                await context.write(interop.EchoResponse(payload=bytes([index % 256]) * size))
            if request.HasField("failure"):
                await handling.fail(request.failure)

    async def Converse(self, requests, context):
        async with Handling(self.ledger, context) as handling:
            await context.send_initial_metadata(echoed(context))
            first = True
            async for request in requests:
                if first:
                    handling.begin(request.key)
                    first = False
                await context.write(await handling.answer(request))

    async def HandlerEnd(self, request, context):
        end = self.ledger.ends.get(request.key)
        if end is None:
            return interop.HandlerEndResponse()
        return interop.HandlerEndResponse(end=await asyncio.shield(end))


class Echo(bench_grpc.EchoServicer):
    async def Unary(self, request, context):
        return request

    async def ClientStream(self, requests, context):
        last = bench.Msg()
        async for last in requests:
            pass
        return last

    async def ServerStream(self, request, context):
        count = dict(context.invocation_metadata() or ()).get("x-bench-messages", "1")
        for _ in range(int(count)):
            await context.write(request)

    async def Bidi(self, requests, context):
        async for request in requests:
            await context.write(request)


class Tally(tally_grpc.TallyServicer):
    def __init__(self):
        self.ballots = collections.Counter()

    async def count(self, ballot, context):
        if not ballot.voter:
            await context.abort(grpc.StatusCode.INVALID_ARGUMENT, "the ballot has no voter")
        self.ballots[ballot.choice] += 1
        return tally.Receipt(number=self.ballots.total(), ballot=ballot)

    async def Cast(self, request, context):
        return await self.count(request, context)

    async def CastAll(self, requests, context):
        receipt = tally.Receipt()
        async for request in requests:
            receipt = await self.count(request, context)
        return receipt

    async def Watch(self, request, context):
        for _ in range(request.count):
            await context.write(tally.Standing(ballots=self.ballots))

    async def Confirm(self, requests, context):
        async for request in requests:
            await context.write(await self.count(request, context))

    async def Reset(self, request, context):
        self.ballots.clear()
        return empty_pb2.Empty()


def read(path: str | None) -> bytes | None:
    return pathlib.Path(path).read_bytes() if path else None


async def serve(options: argparse.Namespace) -> None:
    server = grpc.aio.server(
        options=[("grpc.max_receive_message_length", options.max_receive), ("grpc.so_reuseport", 0)]
    )
    interop_grpc.add_InteropServicer_to_server(Interop(Ledger(options.journal)), server)
    tally_grpc.add_TallyServicer_to_server(Tally(), server)
    bench_grpc.add_EchoServicer_to_server(Echo(), server)
    consensus_grpc.add_ConsensusServiceServicer_to_server(FakeConsensus(options.chain_id, options.validators), server)
    host, _, _ = options.listen.rpartition(":")
    if options.tls_cert:
        roots = read(options.tls_ca)
        credentials = grpc.ssl_server_credentials(
            [(read(options.tls_key), read(options.tls_cert))], roots, require_client_auth=roots is not None
        )
        port = server.add_secure_port(options.listen, credentials)
    else:
        port = server.add_insecure_port(options.listen)
    await server.start()
    print(f"listening on {host}:{port}", flush=True)
    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    await stop.wait()
    await server.stop(grace=5)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--listen", required=True, metavar="HOST:PORT")
    parser.add_argument("--journal", metavar="FILE")
    parser.add_argument(
        "--max-receive", type=int, default=4 << 20, metavar="BYTES", help="default 4 MiB, as grpcio's own"
    )
    parser.add_argument("--chain-id", default="interop", help="default interop")
    parser.add_argument("--validators", type=int, default=4, metavar="N", help="default 4")
    parser.add_argument("--tls-cert", metavar="FILE")
    parser.add_argument("--tls-key", metavar="FILE")
    parser.add_argument("--tls-ca", metavar="FILE", help="requires client certificates of these roots")
    asyncio.run(serve(parser.parse_args()))


main()
