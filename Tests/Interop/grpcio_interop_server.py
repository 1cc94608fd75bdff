"""PyPI's grpcio as the interop server of gRPC: grpc.testing.TestService with the flags of `interop-server`."""

import argparse
import asyncio
import pathlib
import signal

import grpc

from stubs import orca_grpc, orca_report, testing, testing_empty, testing_grpc

INITIAL, TRAILING = "x-grpc-test-echo-initial", "x-grpc-test-echo-trailing-bin"
CODES = {code.value[0]: code for code in grpc.StatusCode}


async def echo_metadata(context: grpc.aio.ServicerContext, *further: tuple[str, bytes]) -> None:
    received = context.invocation_metadata() or ()
    context.set_trailing_metadata([(name, value) for name, value in received if name == TRAILING] + list(further))
    await context.send_initial_metadata([(name, value) for name, value in received if name == INITIAL])


def load_report(report) -> orca_report.OrcaLoadReport:
    return orca_report.OrcaLoadReport(
        cpu_utilization=report.cpu_utilization,
        mem_utilization=report.memory_utilization,
        request_cost=report.request_cost,
        utilization=report.utilization,
    )


def compress_if(asked: bool, context: grpc.aio.ServicerContext) -> None:
    """Before the initial metadata: whether a request was compressed, grpcio does not tell at all."""
    if asked:
        context.set_compression(grpc.Compression.Gzip)


async def fail_if_asked(request, context: grpc.aio.ServicerContext) -> None:
    if request.response_status.code:
        await context.abort(CODES[request.response_status.code], request.response_status.message)


async def responses_to(request, context: grpc.aio.ServicerContext):
    for parameters in request.response_parameters:
        if parameters.interval_us:
            await asyncio.sleep(parameters.interval_us / 1e6)
        if not parameters.compressed.value:
            context.disable_next_message_compression()
        yield testing.StreamingOutputCallResponse(payload=testing.Payload(body=bytes(parameters.size)))
    await fail_if_asked(request, context)


class TestService(testing_grpc.TestServiceServicer):
    async def EmptyCall(self, request, context):
        await echo_metadata(context)
        return testing_empty.Empty()

    async def UnaryCall(self, request, context):
        compress_if(request.response_compressed.value, context)
        further = []
        if request.HasField("orca_per_query_report"):
            report = load_report(request.orca_per_query_report)
            further.append(("endpoint-load-metrics-bin", report.SerializeToString()))
        await echo_metadata(context, *further)
        await fail_if_asked(request, context)
        return testing.SimpleResponse(payload=testing.Payload(body=bytes(request.response_size)))

    async def StreamingOutputCall(self, request, context):
        compress_if(any(parameters.compressed.value for parameters in request.response_parameters), context)
        await echo_metadata(context)
        async for response in responses_to(request, context):
            yield response

    async def StreamingInputCall(self, requests, context):
        await echo_metadata(context)
        size = 0
        async for request in requests:
            size += len(request.payload.body)
        return testing.StreamingInputCallResponse(aggregated_payload_size=size)

    async def FullDuplexCall(self, requests, context):
        await echo_metadata(context)
        async for request in requests:
            if request.HasField("orca_oob_report"):
                OpenRcaService.report = load_report(request.orca_oob_report)
            async for response in responses_to(request, context):
                yield response


class OpenRcaService(orca_grpc.OpenRcaServiceServicer):
    report = orca_report.OrcaLoadReport()

    async def StreamCoreMetrics(self, request, context):
        while True:
            yield self.report
            await asyncio.sleep(request.report_interval.ToTimedelta().total_seconds())


async def serve(options: argparse.Namespace) -> None:
    server = grpc.aio.server(options=[("grpc.so_reuseport", 0)])
    testing_grpc.add_TestServiceServicer_to_server(TestService(), server)
    orca_grpc.add_OpenRcaServiceServicer_to_server(OpenRcaService(), server)
    address = f"127.0.0.1:{options.port}"
    if options.use_tls:
        pair = options.tls_key_file.read_bytes(), options.tls_cert_file.read_bytes()
        port = server.add_secure_port(address, grpc.ssl_server_credentials([pair]))
    else:
        port = server.add_insecure_port(address)
    await server.start()
    print(f"listening on 127.0.0.1:{port}", flush=True)
    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    await stop.wait()
    await server.stop(grace=5)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--use_tls", action="store_true")
    parser.add_argument("--tls_cert_file", type=pathlib.Path)
    parser.add_argument("--tls_key_file", type=pathlib.Path)
    asyncio.run(serve(parser.parse_args()))


if __name__ == "__main__":
    main()
