"""A stock gRPC client meets the faults of a mock node, and sets them; a node without --mock has none."""

import json
import time

import grpc
import pytest

from conftest import CHAIN_ID
from programs import Program, Server, binary
from stubs import consensus, consensus_grpc, mock, mock_grpc

TIMEOUT = 10
OK, UNAVAILABLE, INTERNAL = grpc.StatusCode.OK, grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.INTERNAL
INVALID_ARGUMENT = grpc.StatusCode.INVALID_ARGUMENT

pytestmark = pytest.mark.usefixtures("needs_our_programs")


class Node:
    def __init__(self, target: str, channel: grpc.Channel):
        self.target = target
        self.service = consensus_grpc.ConsensusServiceStub(channel)
        self.control = mock_grpc.MockControlStub(channel)

    def status(self, **metadata: str) -> grpc.StatusCode:
        """One call of GetStatus with x-mock- metadata."""
        pairs = [(f"x-mock-{key.replace('_', '-')}", value) for key, value in metadata.items()]
        return outcome(
            lambda: self.service.GetStatus(consensus.GetStatusRequest(), timeout=TIMEOUT, metadata=pairs)
        )[0]

    def set(self, *faults) -> None:
        self.control.SetFaults(mock.SetFaultsRequest(faults=faults), timeout=TIMEOUT)

    def counts(self) -> dict:
        return {each.method: each for each in self.control.GetFaults(mock.GetFaultsRequest(), timeout=TIMEOUT).counts}


def outcome(call) -> tuple[grpc.StatusCode, str]:
    try:
        call()
    except grpc.RpcError as error:
        return error.code(), error.details()
    return OK, ""


@pytest.fixture
def node(mock_node):
    with grpc.insecure_channel(mock_node.target) as channel:
        yield Node(mock_node.target, channel)


@pytest.fixture
def sound_node(consensus_node):
    with grpc.insecure_channel(consensus_node.target) as channel:
        yield Node(consensus_node.target, channel)


def test_the_faults_of_the_command_line_are_there_from_the_start(node):
    vote = consensus.SubmitVoteRequest()
    codes = [outcome(lambda: node.service.SubmitVote(vote, timeout=TIMEOUT))[0] for _ in range(6)]
    # What is not failed on purpose is refused by the node itself, as there is no vote in it.
    assert codes == [INTERNAL, INTERNAL, INVALID_ARGUMENT] * 2
    assert node.status() == OK
    duties = outcome(lambda: node.service.GetDuties(consensus.GetDutiesRequest(), timeout=0.2))
    assert duties[0] == grpc.StatusCode.DEADLINE_EXCEEDED
    counts = node.counts()
    assert (counts["SubmitVote"].calls, counts["SubmitVote"].failed) == (6, 4)
    assert counts["GetDuties"].hung == 1


def test_hung_calls_do_not_hold_up_a_stop(node, mock_node):
    call = node.service.GetDuties.future(consensus.GetDutiesRequest(), timeout=60)
    while "GetDuties" not in node.counts():
        pass
    mock_node.stop()
    assert call.exception(TIMEOUT).code() == UNAVAILABLE


def test_faults_change_while_the_node_runs(node):
    node.set(mock.MethodFaults(method="GetStatus", fail_next=2))
    assert [node.status() for _ in range(3)] == [UNAVAILABLE, UNAVAILABLE, OK]
    node.set(mock.MethodFaults(method="*", failure_rate=1, failure_code=INTERNAL.value[0]))
    node.control.ClearFaults(mock.ClearFaultsRequest(methods=["GetStatus"]), timeout=TIMEOUT)
    # The control service itself has no faults, whatever is set for all methods.
    assert node.status() == INTERNAL
    node.control.ClearFaults(mock.ClearFaultsRequest(), timeout=TIMEOUT)
    assert node.status() == OK


def test_a_stream_fails_like_any_call(node):
    node.set(mock.MethodFaults(method="SyncBlocks", failure_rate=1))
    stream = node.service.SyncBlocks(consensus.SyncBlocksRequest(from_height=1), timeout=TIMEOUT)
    assert outcome(lambda: list(stream))[0] == UNAVAILABLE


def test_latency_is_waited_for(node):
    node.set(mock.MethodFaults(method="GetStatus", min_latency_us=200_000))
    start = time.monotonic()
    assert node.status() == OK
    assert time.monotonic() - start >= 0.2
    assert node.counts()["GetStatus"].delayed == 1


def test_verification_hashes_as_often_as_it_was_told_to(node):
    node.set(mock.MethodFaults(method="VerifyCommit", hash_rounds=1_000))
    request = consensus.VerifyCommitRequest(commit=consensus.CommitCertificate())
    outcome(lambda: node.service.VerifyCommit(request, timeout=TIMEOUT))
    assert node.counts()["VerifyCommit"].hash_rounds == 1_000


def test_a_wrong_fault_is_told_and_nothing_is_set(node):
    before = node.control.GetFaults(mock.GetFaultsRequest(), timeout=TIMEOUT).faults
    code, details = outcome(
        lambda: node.set(
            mock.MethodFaults(method="GetStatus", hang=True), mock.MethodFaults(method="GetStatus", failure_rate=1.5)
        )
    )
    assert (code, details) == (INVALID_ARGUMENT, "GetStatus.failure_rate is 1.5; allowed: 0.0 to 1.0")
    assert node.control.GetFaults(mock.GetFaultsRequest(), timeout=TIMEOUT).faults == before


def test_a_call_asks_for_faults_of_its_own(node):
    assert node.status(fail_rate="1") == UNAVAILABLE
    assert node.status(fail_rate="1", fail_code="DATA_LOSS") == grpc.StatusCode.DATA_LOSS
    start = time.monotonic()
    assert node.status(latency_ms="100") == OK
    assert time.monotonic() - start >= 0.1
    assert node.status() == OK


def test_metadata_that_is_not_allowed_is_told(node):
    call = lambda: node.service.GetStatus(  # noqa: E731
        consensus.GetStatusRequest(), timeout=TIMEOUT, metadata=[("x-mock-latency-ms", "60001")]
    )
    assert outcome(call) == (
        INVALID_ARGUMENT,
        "x-mock-latency-ms is '60001'; allowed: 0 to 60000, in whole milliseconds",
    )


def test_without_the_switch_there_is_no_control_and_the_metadata_means_nothing(sound_node):
    calls = [
        lambda: sound_node.set(mock.MethodFaults(method="*", hang=True)),
        lambda: sound_node.control.GetFaults(mock.GetFaultsRequest(), timeout=TIMEOUT),
        lambda: sound_node.control.ClearFaults(mock.ClearFaultsRequest(), timeout=TIMEOUT),
    ]
    assert [outcome(call)[0] for call in calls] == [grpc.StatusCode.UNIMPLEMENTED] * 3
    assert sound_node.status(fail_rate="1", fail_code="bad", latency_ms="bad") == OK


def test_a_seed_repeats_what_chance_does(programs):
    def statuses(seed: int) -> list[grpc.StatusCode]:
        server = Server(
            *(binary("consensus-node"), "--chain-id", CHAIN_ID, "--mock", "--mock-seed", str(seed)),
            *("--mock-fault", "GetStatus:fail=0.5"),
        )
        programs.append(server)
        with grpc.insecure_channel(server.target) as channel:
            node = Node(server.target, channel)
            codes = [node.status() for _ in range(64)]
        server.stop()
        return codes

    first = statuses(7)
    assert {OK, UNAVAILABLE} == set(first)
    assert statuses(7) == first
    assert statuses(8) != first


# The programs


def client(node: Node, programs: list[Program], *command: str, code: int = 0) -> list[str]:
    program = Program(binary("consensus-client"), "faults", *command, "--target", node.target)
    programs.append(program)
    assert program.wait(30) == code, program.describe(f"should have ended with {code}")
    return program.lines


def test_the_client_shows_sets_and_clears(node, programs):
    (line,) = client(node, programs, "set", "GetStatus:next=1,code=ABORTED", "*:latency=1ms-2ms", "--json")
    assert json.loads(line)["faults"] == {
        "*": "latency=1ms-2ms",
        "GetDuties": "hang",
        "GetStatus": "next=1,code=ABORTED",
        "SubmitVote": "first=2/3,code=INTERNAL",
    }
    assert [node.status() for _ in range(2)] == [grpc.StatusCode.ABORTED, OK]
    client(node, programs, "clear", "SubmitVote", "GetDuties", "*")
    assert client(node, programs, "get") == [
        "faults",
        "  GetStatus  code=ABORTED",
        "calls so far",
        "  GetStatus  2 calls, 1 failed",
    ]
    assert json.loads(client(node, programs, "clear", "--json")[0])["faults"] == {}


def test_the_client_tells_what_is_wrong(node, sound_node, programs):
    lines = client(node, programs, "set", "GetStatus:fail=2", code=64)
    assert "GetStatus.fail is '2'; allowed: 0.0 to 1.0" in " ".join(lines)
    (line,) = client(sound_node, programs, "get", "--json", code=1)
    assert json.loads(line)["code"] == "UNIMPLEMENTED"


@pytest.mark.parametrize(
    ("options", "problem"),
    [
        (["--mock", "--mock-fault", "Vote:hang"], "method is 'Vote'; allowed: * or a method of ConsensusService"),
        (["--mock", "--mock-fault", "*:latency=5"], "*.latency is '5'; allowed: a whole number of us, ms or s"),
        (["--mock", "--mock-fault", "*:hang", "--mock-fault", "*:none"], "method is *; allowed: each method once"),
        (["--mock-fault", "*:hang"], "--mock-fault needs --mock"),
        (["--mock-seed", "7"], "--mock-seed needs --mock"),
    ],
)
def test_a_node_does_not_start_with_a_wrong_flag(programs, options, problem):
    program = Program(binary("consensus-node"), "--chain-id", CHAIN_ID, *options)
    programs.append(program)
    assert program.wait(30) == 64, program.describe("should have refused to start")
    assert problem in " ".join(program.lines), program.describe("did not say what is wrong")
