"""consensus-client drives a validator: one that is not ours, on grpcio, and our own."""

import json

import pytest

from conftest import CHAIN_ID
from programs import Program, Server, binary, grpcio_server

SECONDS = 30

pytestmark = pytest.mark.usefixtures("needs_our_programs")


@pytest.fixture(params=["grpcio", "ours"])
def node(request: pytest.FixtureRequest, programs) -> Server:
    if request.param == "ours":
        return request.getfixturevalue("consensus_node")
    server = grpcio_server()
    programs.append(server)
    return server


class Client:
    def __init__(self, node: Server, programs: list[Program]):
        self.node, self.programs = node, programs

    def start(self, subcommand: str, *options: str) -> Program:
        program = Program(
            *(binary("consensus-client"), subcommand, "--target", self.node.target),
            *("--chain-id", CHAIN_ID, "--json", *options),
        )
        self.programs.append(program)
        return program

    def run(self, subcommand: str, *options: str, code: int = 0) -> list[dict]:
        """What the command printed, object by object."""
        program = self.start(subcommand, *options)
        assert program.wait(SECONDS) == code, program.describe(f"should have ended with {code}")
        return [json.loads(line) for line in program.lines]

    def only(self, subcommand: str, *options: str, code: int = 0) -> dict:
        (result,) = self.run(subcommand, *options, code=code)
        return result

    def decide(self) -> str:
        """Proposes, verifies, and votes with three of four validators; the block's hash."""
        proposal = self.only("propose", "--transactions", "10")
        assert proposal["verdict"] == "accept", proposal
        verified = self.only("verify")
        assert (verified["verdict"], verified["block"]) == ("accept", proposal["block"])
        for kind in ("prevote", "precommit"):
            for validator in range(3):
                vote = self.only(
                    *("vote", "--validator", str(validator), "--type", kind),
                    *("--height", str(proposal["height"]), "--round", "0", "--block", proposal["block"]),
                )
                assert (vote["accepted"], vote["powerSeen"]) == (True, 10 * (validator + 1))
        return proposal["block"]


@pytest.fixture
def client(node, programs) -> Client:
    return Client(node, programs)


def test_three_heights_are_decided_and_synced(client):
    assert client.only("status")["height"] == 0
    blocks = [client.decide() for _ in range(3)]
    status = client.only("status")
    assert (status["height"], status["lastBlock"], len(status["validators"])) == (3, blocks[-1], 4)
    synced = client.run("sync")
    assert [each["block"] for each in synced] == blocks
    assert [each["parent"] for each in synced[1:]] == blocks[:-1]


def test_a_vote_can_be_repeated(client):
    assert not client.only("vote", "--block", "nil")["duplicate"]
    assert client.only("vote", "--block", "nil")["duplicate"]


def test_a_block_is_uploaded_in_parts(client):
    result = client.only("upload", "--transactions", "400", "--bytes", "1000")
    assert result["parts"] > 5
    assert result["proposal"]["verdict"] == "accept"


def test_a_watcher_sees_a_block(client):
    watcher = client.start("watch", "--no-votes", "--count", "1", "--timeout", "60")
    # Nothing says when the subscription stands: blocks are decided until one is seen.
    blocks = []
    while watcher.is_running and len(blocks) < 10:
        blocks.append(client.decide())
    assert watcher.wait(SECONDS) == 0, watcher.describe("saw no block")
    event = json.loads(watcher.lines[0])
    assert event["event"] == "block"
    assert blocks[event["height"] - 1].startswith(event["detail"])


def test_a_refused_call_is_told_with_its_code(client):
    answer = client.only("vote", "--validator", "99", "--block", "nil", code=1)
    assert answer["code"] == "INVALID_ARGUMENT"
    assert "validator_index" in answer["message"]


def test_a_node_that_is_gone_is_told_at_once(client):
    client.node.kill()
    assert client.only("status", code=1)["code"] == "UNAVAILABLE"
