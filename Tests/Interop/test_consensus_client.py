"""A stock gRPC client calls all thirteen methods of the validator, with real blocks, votes and proofs."""

import contextlib
import hashlib
import queue
import threading
import time

import grpc
import pytest

import mock_chain
from conftest import CHAIN_ID, VALIDATORS
from stubs import consensus, consensus_grpc

PREVOTE, PRECOMMIT = consensus.VOTE_TYPE_PREVOTE, consensus.VOTE_TYPE_PRECOMMIT
ACCEPT, REJECT = consensus.VERDICT_ACCEPT, consensus.VERDICT_REJECT
TIMEOUT = 10


class Driver:
    """A committee that decides blocks at one node."""

    def __init__(self, stub):
        self.stub = stub
        self.committee = mock_chain.Committee(CHAIN_ID, VALIDATORS)
        self.parent, self.header = self.committee.genesis_id, self.committee.genesis_header

    @property
    def height(self) -> int:
        return self.header.height + 1

    def proposal(self, *transactions: bytes):
        timestamp = max(time.time_ns() - 1_000_000_000, self.header.timestamp_ns + 1)
        return self.committee.propose(self.parent, self.header, list(transactions), timestamp=timestamp)

    def vote(self, validator: int, type_: int, hash_: bytes):
        request = consensus.SubmitVoteRequest(vote=self.committee.vote(validator, type_, self.height, hash_))
        return self.stub.SubmitVote(request, timeout=TIMEOUT)

    def decide(self, *transactions: bytes):
        """One height from its proposal to its last precommit; the block."""
        proposal = self.proposal(*transactions)
        answer = self.stub.ProposeBlock(proposal, timeout=TIMEOUT)
        assert answer.verdict == ACCEPT, answer.reason
        assert answer.block_id == mock_chain.block_id(proposal.block)
        for type_ in (PREVOTE, PRECOMMIT):
            for validator in range(3):
                receipt = self.vote(validator, type_, answer.block_id.hash)
                assert receipt.accepted and receipt.power_seen == (validator + 1) * self.committee.power
        self.parent, self.header = answer.block_id, proposal.block.header
        return proposal.block


@pytest.fixture
def stub(consensus_node):
    with grpc.insecure_channel(consensus_node.target) as channel:
        yield consensus_grpc.ConsensusServiceStub(channel)


@pytest.fixture
def driver(stub) -> Driver:
    return Driver(stub)


def refused(call) -> tuple[grpc.StatusCode, str]:
    with pytest.raises(grpc.RpcError) as caught:
        call()
    return caught.value.code(), caught.value.details()


# validator_rpc


def test_the_status_follows_the_chain(stub, driver):
    before = stub.GetStatus(consensus.GetStatusRequest(), timeout=TIMEOUT)
    assert (before.height, before.last_block_hash) == (0, driver.committee.genesis_id.hash)
    driver.decide(b"one")
    after = stub.GetStatus(consensus.GetStatusRequest(), timeout=TIMEOUT)
    assert (after.height, after.last_block_hash, after.syncing) == (1, driver.parent.hash, False)


def test_the_validator_set_comes_in_pages(stub, driver):
    whole = stub.GetValidatorSet(consensus.GetValidatorSetRequest(), timeout=TIMEOUT)
    assert [each.public_key for each in whole.validators] == driver.committee.keys
    assert [each.address for each in whole.validators] == [each.address for each in driver.committee.validators]
    first = stub.GetValidatorSet(consensus.GetValidatorSetRequest(page_size=3), timeout=TIMEOUT)
    rest = stub.GetValidatorSet(
        consensus.GetValidatorSetRequest(page_size=3, page_token=first.next_page_token), timeout=TIMEOUT
    )
    assert [len(first.validators), len(rest.validators), rest.next_page_token] == [3, 1, ""]
    assert list(first.validators) + list(rest.validators) == list(whole.validators)


def test_a_registration_can_be_repeated_but_not_changed(stub, driver):
    key = hashlib.sha256(b"a new validator").digest()
    request = driver.committee.registration(key, 5, "newcomer", {"region": "north", "é": "ü"})
    first = stub.RegisterValidator(request, timeout=TIMEOUT)
    assert first.validator_index == VALIDATORS and first.activation_height > driver.height
    assert stub.RegisterValidator(request, timeout=TIMEOUT) == first
    changed = driver.committee.registration(key, 6, "newcomer", {"region": "north", "é": "ü"})
    assert refused(lambda: stub.RegisterValidator(changed, timeout=TIMEOUT))[0] == grpc.StatusCode.ALREADY_EXISTS


def test_duties_name_each_proposer_of_the_epoch(stub, driver):
    request = consensus.GetDutiesRequest(epoch=0, validator_indices=range(VALIDATORS))
    answer = stub.GetDuties(request, timeout=TIMEOUT)
    proposers = {duty.height: duty.validator_index for duty in answer.duties if duty.is_proposer}
    assert proposers == {height: driver.committee.proposer(height) for height in range(1, 17)}
    assert answer.dependent_root == mock_chain.validators_hash(driver.committee.validators)


def test_the_same_vote_again_is_ok_and_a_conflicting_one_brings_the_evidence(stub, driver):
    first, other = bytes([1] * 32), bytes([2] * 32)
    assert not driver.vote(0, PREVOTE, first).duplicate
    again = driver.vote(0, PREVOTE, first)
    assert again.duplicate and again.accepted and again.power_seen == driver.committee.power
    with pytest.raises(grpc.RpcError) as caught:
        driver.vote(0, PREVOTE, other)
    assert caught.value.code() == grpc.StatusCode.FAILED_PRECONDITION
    trailers = {name: value for name, value in caught.value.trailing_metadata()}
    pair = consensus.Evidence.FromString(trailers["evidence-bin"]).duplicate_vote
    assert (pair.first.block_hash, pair.second.block_hash) == (first, other)


@pytest.mark.parametrize(
    ("change", "field"),
    [
        (lambda vote: vote.ClearField("type"), "vote.type"),
        (lambda vote: setattr(vote, "signature", b"abc"), "vote.signature"),
        (lambda vote: setattr(vote, "signature", bytes(64)), "vote.signature"),
        (lambda vote: setattr(vote, "validator_index", 99), "vote.validator_index"),
    ],
)
def test_a_bad_vote_is_refused_with_the_name_of_the_field(stub, driver, change, field):
    vote = driver.committee.vote(0, PREVOTE, 1, bytes(32))
    change(vote)
    code, message = refused(lambda: stub.SubmitVote(consensus.SubmitVoteRequest(vote=vote), timeout=TIMEOUT))
    assert code == grpc.StatusCode.INVALID_ARGUMENT and field in message


# block_proposals


def test_a_block_is_decided_by_more_than_two_thirds(stub, driver):
    proposal = driver.proposal(b"tx")
    id_ = stub.ProposeBlock(proposal, timeout=TIMEOUT).block_id
    for validator in range(2):
        driver.vote(validator, PRECOMMIT, id_.hash)
    assert stub.GetStatus(consensus.GetStatusRequest(), timeout=TIMEOUT).height == 0
    driver.vote(2, PRECOMMIT, id_.hash)
    assert stub.GetStatus(consensus.GetStatusRequest(), timeout=TIMEOUT).height == 1
    assert stub.ProposeBlock(proposal, timeout=TIMEOUT).verdict == ACCEPT, "a retry is safe after the decision too"


def test_twenty_heights_are_decided(stub, driver):
    for height in range(1, 21):
        driver.decide(*(b"tx %d of height %d" % (number, height) for number in range(10)))
    assert stub.GetStatus(consensus.GetStatusRequest(), timeout=TIMEOUT).height == 20


def test_a_proposal_can_be_fetched(stub, driver):
    proposal = driver.proposal(b"tx")
    stub.ProposeBlock(proposal, timeout=TIMEOUT)
    assert stub.GetProposal(consensus.GetProposalRequest(height=1), timeout=TIMEOUT).proposal == proposal
    missing = consensus.GetProposalRequest(height=1, round=3)
    assert refused(lambda: stub.GetProposal(missing, timeout=TIMEOUT))[0] == grpc.StatusCode.NOT_FOUND


def test_a_proposal_of_the_wrong_validator_or_parent_is_refused(stub, driver):
    proposal = driver.proposal(b"tx")
    proposal.block.header.parent.hash = bytes(32)
    driver.committee.signed(proposal, 0)
    assert refused(lambda: stub.ProposeBlock(proposal, timeout=TIMEOUT))[0] == grpc.StatusCode.FAILED_PRECONDITION
    proposal = driver.proposal(b"tx")
    proposal.block.header.proposer_address = driver.committee.validators[1].address
    driver.committee.signed(proposal, 1)
    assert refused(lambda: stub.ProposeBlock(proposal, timeout=TIMEOUT))[0] == grpc.StatusCode.FAILED_PRECONDITION


def test_a_proposal_whose_root_is_wrong_is_rejected_with_the_reason(stub, driver):
    proposal = driver.proposal(b"tx")
    proposal.block.txs[0] = b"another"
    answer = stub.ProposeBlock(proposal, timeout=TIMEOUT)
    assert answer.verdict == REJECT and "txs_root" in answer.reason


def test_a_block_of_a_megabyte_can_be_uploaded_in_parts_of_any_order(stub, driver):
    proposal = driver.proposal(*(bytes([number % 256]) * 1000 for number in range(1000)))
    pieces = mock_chain.parts(proposal)
    assert len(pieces) > 10
    answer = stub.UploadBlockParts(reversed(pieces), timeout=TIMEOUT)
    assert (answer.verdict, answer.block_id) == (ACCEPT, mock_chain.block_id(proposal.block))


def test_an_upload_without_a_part_or_with_a_false_proof_is_refused(stub, driver):
    pieces = mock_chain.parts(driver.proposal(bytes(200_000)))
    code, _ = refused(lambda: stub.UploadBlockParts(iter(pieces[:-1]), timeout=TIMEOUT))
    assert code == grpc.StatusCode.INVALID_ARGUMENT
    pieces[1].proof[0] = bytes(32)
    code, message = refused(lambda: stub.UploadBlockParts(iter(pieces), timeout=TIMEOUT))
    assert code == grpc.StatusCode.INVALID_ARGUMENT and "proof" in message


# block_verification


def test_verification_runs_the_transactions(stub, driver):
    transactions = [b"tx %d" % number for number in range(100)]
    block = driver.proposal(*transactions).block
    answer = stub.VerifyBlock(consensus.VerifyBlockRequest(block=block, full_execution=True), timeout=TIMEOUT)
    assert (answer.verdict, answer.state_root) == (ACCEPT, block.header.state_root)
    assert answer.gas_used == sum(21_000 + 16 * len(transaction) for transaction in transactions)
    assert answer.verify_seconds > 0
    block.txs[50] = b"changed"
    answer = stub.VerifyBlock(consensus.VerifyBlockRequest(block=block, full_execution=True), timeout=TIMEOUT)
    assert answer.verdict == REJECT and "txs_root" in answer.reason


def test_a_commit_is_verified_signature_by_signature(stub, driver):
    driver.decide(b"tx")
    commit = driver.committee.certificate(1, driver.parent, [0, 1, 3])
    answer = stub.VerifyCommit(consensus.VerifyCommitRequest(commit=commit), timeout=TIMEOUT)
    assert (answer.verdict, answer.signed_power, list(answer.bad_signers)) == (ACCEPT, 30, [])
    commit.signatures[1] = bytes(64)
    answer = stub.VerifyCommit(consensus.VerifyCommitRequest(commit=commit), timeout=TIMEOUT)
    assert (answer.verdict, answer.signed_power, list(answer.bad_signers)) == (REJECT, 20, [1])


# consensus_streams


def test_vote_batches_are_acknowledged_with_credit(stub, driver):
    hash_ = bytes([7] * 32)
    good = [driver.committee.vote(validator, PREVOTE, 1, hash_) for validator in range(VALIDATORS)]
    bad = driver.committee.vote(0, PREVOTE, 1, bytes([8] * 32))
    acknowledged: queue.Queue = queue.Queue()

    def batches():
        yield consensus.VoteBatch(sequence=1, votes=good[:2])
        assert acknowledged.get(timeout=TIMEOUT).accepted == 2
        yield consensus.VoteBatch(sequence=2, votes=[*good[2:], bad])

    acks = []
    for ack in stub.StreamVotes(batches(), timeout=TIMEOUT):
        acks.append(ack)
        acknowledged.put(ack)
    assert [(ack.sequence, ack.accepted, ack.rejected) for ack in acks] == [(1, 2, 0), (2, 2, 1)]
    assert all(ack.credit >= 1 for ack in acks)


def test_blocks_are_synced_and_the_head_is_followed(stub, driver):
    decided = [driver.decide(b"tx %d" % height) for height in range(1, 6)]
    history = list(stub.SyncBlocks(consensus.SyncBlocksRequest(from_height=2, to_height=4), timeout=TIMEOUT))
    assert [block for answer in history for block in answer.blocks] == decided[1:4]
    assert history[-1].next_height == 5

    following = stub.SyncBlocks(consensus.SyncBlocksRequest(from_height=4), timeout=TIMEOUT)
    heights = []
    while heights != [4, 5]:
        heights += [block.header.height for block in next(following).blocks]
    driver.decide(b"the sixth")
    assert [block.header.height for block in next(following).blocks] == [6]
    following.cancel()


def test_what_is_not_there_cannot_be_synced(stub):
    call = stub.SyncBlocks(consensus.SyncBlocksRequest(from_height=1, to_height=9), timeout=TIMEOUT)
    assert refused(lambda: next(call))[0] == grpc.StatusCode.OUT_OF_RANGE


def test_events_are_filtered(stub, driver):
    request = consensus.SubscribeEventsRequest(vote_types=[PRECOMMIT], include_blocks=True)
    subscription = stub.SubscribeEvents(request, timeout=30)
    events: queue.Queue = queue.Queue()

    def listen() -> None:
        try:
            for event in subscription:
                events.put(event)
        except grpc.RpcError as error:
            events.put(error)

    threading.Thread(target=listen, daemon=True).start()
    # The subscription stands once an event comes through; until then votes of later rounds are tried, each a new one
    # and all together too few for the node to leave its round.
    for validator, round_ in [(validator, round_) for validator in (2, 3) for round_ in range(1, 5)]:
        vote = driver.committee.vote(validator, PRECOMMIT, 1, bytes([9] * 32), round_)
        stub.SubmitVote(consensus.SubmitVoteRequest(vote=vote), timeout=TIMEOUT)
        with contextlib.suppress(queue.Empty):
            assert events.get(timeout=1).vote == vote
            break
    driver.decide(b"tx")
    kinds = []
    while kinds.count("new_block") < 1:
        event = events.get(timeout=TIMEOUT)
        assert not isinstance(event, grpc.RpcError), event
        kinds.append(event.WhichOneof("event"))
        assert event.WhichOneof("event") != "vote" or event.vote.type == PRECOMMIT
    subscription.cancel()
    assert kinds.count("vote") == 3
