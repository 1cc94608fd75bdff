"""What a stock gRPC client meets at a node that obeys the policies of consensus.proto."""

import threading
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor

import grpc
import pytest
from google.rpc import error_details_pb2
from grpc_status import rpc_status

from stubs import consensus, consensus_grpc, mock, mock_grpc

TIMEOUT = 20
OK, UNAVAILABLE = grpc.StatusCode.OK, grpc.StatusCode.UNAVAILABLE
NOT_FOUND, RESOURCE_EXHAUSTED = grpc.StatusCode.NOT_FOUND, grpc.StatusCode.RESOURCE_EXHAUSTED

pytestmark = pytest.mark.usefixtures("needs_our_programs")


class Node:
    def __init__(self, channel: grpc.Channel):
        self.service = consensus_grpc.ConsensusServiceStub(channel)
        self.control = mock_grpc.MockControlStub(channel)

    def set(self, **fault) -> None:
        self.control.ClearFaults(mock.ClearFaultsRequest(), timeout=TIMEOUT)
        if fault:
            self.control.SetFaults(mock.SetFaultsRequest(faults=[mock.MethodFaults(**fault)]), timeout=TIMEOUT)

    def calls(self, method: str) -> int:
        counts = self.control.GetFaults(mock.GetFaultsRequest(), timeout=TIMEOUT).counts
        return next((each.calls for each in counts if each.method == method), 0)


@pytest.fixture
def node(mock_node):
    # No retries of grpcio's own: each call is one attempt.
    with grpc.insecure_channel(mock_node.target, options=[("grpc.enable_retries", 0)]) as channel:
        node = Node(channel)
        node.set()
        yield node


def error_of(call) -> grpc.RpcError | None:
    try:
        call()
    except grpc.RpcError as error:
        return error
    return None


def code_of(call) -> grpc.StatusCode:
    error = error_of(call)
    return OK if error is None else error.code()


def details_of(error: grpc.RpcError) -> tuple[error_details_pb2.ErrorInfo, error_details_pb2.RetryInfo | None]:
    info, retry = error_details_pb2.ErrorInfo(), error_details_pb2.RetryInfo()
    found = None
    for detail in rpc_status.from_call(error).details:
        detail.Unpack(info)
        if detail.Unpack(retry):
            found = retry
    return info, found


def test_block_proposals_are_limited_to_their_burst_and_then_their_rate(node):
    call = lambda: node.service.GetProposal(consensus.GetProposalRequest(height=9), timeout=TIMEOUT)  # noqa: E731
    start = time.monotonic()
    errors = [error_of(call) for _ in range(150)]
    seconds = time.monotonic() - start
    codes = Counter(error.code() for error in errors)
    # A token comes back every 100 ms while the calls are made.
    assert 100 <= codes[NOT_FOUND] <= 100 + 10 * seconds + 1
    assert codes[NOT_FOUND] + codes[RESOURCE_EXHAUSTED] == 150
    refused = next(error for error in reversed(errors) if error.code() == RESOURCE_EXHAUSTED)
    info, retry = details_of(refused)
    assert (info.reason, info.domain) == ("RATE_LIMITED", "bulwark.policy")
    assert dict(info.metadata) == {"policy": "block_proposals", "kind": "rateLimiter"}
    pushback = int(dict(refused.trailing_metadata())["grpc-retry-pushback-ms"])
    assert 0 < pushback <= 100
    assert retry.retry_delay.ToMilliseconds() == pushback
    # The methods of the group share the limiter.
    assert code_of(lambda: node.service.ProposeBlock(consensus.ProposeBlockRequest(), timeout=TIMEOUT)) in (
        RESOURCE_EXHAUSTED,
        grpc.StatusCode.INVALID_ARGUMENT,
    )


def test_block_verification_runs_fifty_queues_twenty_and_refuses_the_rest(node):
    node.set(method="VerifyCommit", min_latency_us=1_500_000)
    request = consensus.VerifyCommitRequest(commit=consensus.CommitCertificate())
    start = threading.Barrier(100)

    def call() -> tuple[grpc.StatusCode, float]:
        start.wait()
        begin = time.monotonic()
        code = code_of(lambda: node.service.VerifyCommit(request, timeout=TIMEOUT))
        return code, time.monotonic() - begin

    with ThreadPoolExecutor(100) as pool:
        ends = [future.result() for future in [pool.submit(call) for _ in range(100)]]
    refused = [seconds for code, seconds in ends if code == RESOURCE_EXHAUSTED]
    assert len(refused) == 30
    # At once: the others take a second and a half, or twice that.
    assert max(refused) < 1.4
    assert node.calls("VerifyCommit") == 70


def test_a_cascade_opens_the_circuit_and_spares_the_handler(node):
    node.set(method="GetStatus", failure_rate=1)
    call = lambda: node.service.GetStatus(consensus.GetStatusRequest(), timeout=TIMEOUT)  # noqa: E731
    errors = [error_of(call) for _ in range(30)]
    assert {error.code() for error in errors} == {UNAVAILABLE}
    assert node.calls("GetStatus") == 10
    info, retry = details_of(errors[-1])
    assert (info.reason, info.metadata["policy"]) == ("CIRCUIT_OPEN", "validator_rpc")
    assert 0 < retry.retry_delay.ToMilliseconds() <= 30_000
