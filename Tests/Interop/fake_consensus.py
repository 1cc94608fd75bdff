"""An in-memory ConsensusService that is not ours, for the clients under test: one node, the rules that they can see."""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator

import grpc

import mock_chain
from stubs import consensus, consensus_grpc

Code = grpc.StatusCode
PREVOTE, PRECOMMIT = consensus.VOTE_TYPE_PREVOTE, consensus.VOTE_TYPE_PRECOMMIT
ACCEPT, REJECT = consensus.VERDICT_ACCEPT, consensus.VERDICT_REJECT
CREDIT = 64
KEPT_HEIGHTS = 4


class Refusal(Exception):
    def __init__(self, code: grpc.StatusCode, message: str, evidence=None):
        super().__init__(message)
        self.code, self.evidence = code, evidence


def require(condition: bool, code: grpc.StatusCode, message: str) -> None:
    if not condition:
        raise Refusal(code, message)


@contextlib.asynccontextmanager
async def answering(context: grpc.aio.ServicerContext) -> AsyncIterator[None]:
    """Turns a refusal into its status, with the evidence in the trailers."""
    try:
        yield
    except Refusal as refusal:
        trailers = () if refusal.evidence is None else (("evidence-bin", refusal.evidence.SerializeToString()),)
        await context.abort(refusal.code, str(refusal), trailers)


class Chain:
    def __init__(self, committee: mock_chain.Committee):
        self.committee = committee
        self.blocks: list = []
        self.commits: list = []
        self.proposals: dict[tuple[int, int], object] = {}
        self.votes: dict[tuple[int, int, int, int], object] = {}
        self.listeners: set[asyncio.Queue] = set()
        self.grown = asyncio.Condition()

    @property
    def height(self) -> int:
        """The height being decided."""
        return len(self.blocks) + 1

    def head(self):
        if not self.blocks:
            return self.committee.genesis_id, self.committee.genesis_header
        return mock_chain.block_id(self.blocks[-1]), self.blocks[-1].header

    def emit(self, **event) -> None:
        for listener in self.listeners:
            listener.put_nowait(consensus.ConsensusEvent(**event))

    async def propose(self, proposal):
        header = proposal.block.header
        require(proposal.HasField("block"), Code.INVALID_ARGUMENT, "block is missing")
        require(header.chain_id == self.committee.chain_id, Code.INVALID_ARGUMENT, "block.header.chain_id is another's")
        require(
            len(proposal.signature) == 64,
            Code.INVALID_ARGUMENT,
            f"signature must be 64 bytes, got {len(proposal.signature)}",
        )
        id_ = mock_chain.block_id(proposal.block)
        accepted = consensus.ProposeBlockResponse(block_id=id_, verdict=ACCEPT)
        if header.height < self.height and self.blocks[header.height - 1].header == header:
            return accepted
        require(
            header.height == self.height,
            Code.FAILED_PRECONDITION,
            f"block.header.height {header.height} is not the height being decided, {self.height}",
        )
        parent, parent_header = self.head()
        require(
            header.parent.hash == parent.hash, Code.FAILED_PRECONDITION, "block.header.parent is not the last block"
        )
        proposer = self.committee.proposer(header.height, header.round)
        address = self.committee.validators[proposer].address
        require(
            header.proposer_address == address,
            Code.FAILED_PRECONDITION,
            "block.header.proposer_address is not whose turn it is",
        )
        signature = mock_chain.sign(self.committee.keys[proposer], mock_chain.proposal_bytes(proposal, id_.hash))
        require(
            proposal.signature == signature,
            Code.INVALID_ARGUMENT,
            f"signature does not verify for validator {proposer}",
        )
        known = self.proposals.get((header.height, header.round))
        if known is not None:
            require(
                known.block.header == header,
                Code.FAILED_PRECONDITION,
                "block conflicts with the proposer's earlier one",
            )
            return accepted
        if problem := self.problem(proposal.block, parent_header):
            return consensus.ProposeBlockResponse(block_id=id_, verdict=REJECT, reason=problem)
        self.proposals[header.height, header.round] = proposal
        await self.decide(header.height, header.round)
        return accepted

    def problem(self, block, parent_header) -> str:
        if block.header.txs_root != mock_chain.merkle_root(list(block.txs)):
            return "txs_root is not the root over the transactions"
        if block.header.state_root != mock_chain.state_after(list(block.txs), parent_header.state_root):
            return "state_root is not the state after the transactions"
        return ""

    async def vote(self, vote):
        require(vote.type in (PREVOTE, PRECOMMIT), Code.INVALID_ARGUMENT, "vote.type must be PREVOTE or PRECOMMIT")
        require(
            len(vote.signature) == 64,
            Code.INVALID_ARGUMENT,
            f"vote.signature must be 64 bytes, got {len(vote.signature)}",
        )
        count = self.committee.count
        require(
            vote.validator_index < count,
            Code.INVALID_ARGUMENT,
            f"vote.validator_index must be below {count}, got {vote.validator_index}",
        )
        signature = mock_chain.sign(
            self.committee.keys[vote.validator_index], mock_chain.vote_bytes(self.committee.chain_id, vote)
        )
        require(
            vote.signature == signature,
            Code.INVALID_ARGUMENT,
            f"vote.signature does not verify for validator {vote.validator_index}",
        )
        open_ = range(max(1, self.height - KEPT_HEIGHTS), self.height + 1)
        require(vote.height in open_, Code.FAILED_PRECONDITION, f"vote.height {vote.height} is not open")
        key = (vote.height, vote.round, vote.type, vote.validator_index)
        first = self.votes.get(key)
        if first is not None and first.block_hash != vote.block_hash:
            evidence = consensus.Evidence(duplicate_vote=consensus.Evidence.DuplicateVote(first=first, second=vote))
            self.emit(height=vote.height, evidence=evidence)
            raise Refusal(Code.FAILED_PRECONDITION, "vote conflicts with an earlier one", evidence)
        if first is None:
            self.votes[key] = vote
            self.emit(height=vote.height, vote=vote)
        power = self.power(vote.height, vote.round, vote.type, vote.block_hash)
        if first is None:
            await self.decide(vote.height, vote.round)
        return consensus.SubmitVoteResponse(accepted=True, duplicate=first is not None, power_seen=power)

    def power(self, height: int, round_: int, type_: int, hash_: bytes) -> int:
        signers = [
            vote for key, vote in self.votes.items() if key[:3] == (height, round_, type_) and vote.block_hash == hash_
        ]
        return len(signers) * self.committee.power

    async def decide(self, height: int, round_: int) -> None:
        proposal = self.proposals.get((height, round_))
        if height != self.height or proposal is None:
            return
        id_ = mock_chain.block_id(proposal.block)
        if 3 * self.power(height, round_, PRECOMMIT, id_.hash) <= 2 * self.committee.power * self.committee.count:
            return
        self.blocks.append(proposal.block)
        self.emit(height=height, new_block=id_)
        async with self.grown:
            self.grown.notify_all()


class FakeConsensus(consensus_grpc.ConsensusServiceServicer):
    def __init__(self, chain_id: str, validators: int):
        self.committee = mock_chain.Committee(chain_id, validators)
        self.chain = Chain(self.committee)
        self.registered: dict[bytes, tuple[int, object]] = {}

    async def RegisterValidator(self, request, context):
        async with answering(context):
            key = request.validator.public_key
            known = self.registered.setdefault(key, (self.committee.count + len(self.registered), request))
            require(known[1] == request, Code.ALREADY_EXISTS, "validator.public_key was registered with other values")
            return consensus.RegisterValidatorResponse(
                validator_index=known[0], activation_height=self.chain.height + 2
            )

    async def GetValidatorSet(self, request, context):
        start, size = int(request.page_token or 0), request.page_size or 100
        page = self.committee.with_priorities(self.chain.height)[start : start + size]
        more = start + size < self.committee.count
        return consensus.GetValidatorSetResponse(
            height=self.chain.height, validators=page, next_page_token=str(start + size) if more else ""
        )

    async def GetDuties(self, request, context):
        heights = range(request.epoch * 16 + 1, (request.epoch + 1) * 16 + 1)
        duties = []
        for index in request.validator_indices:
            duties.append(
                consensus.GetDutiesResponse.Duty(validator_index=index, height=heights[0], attest_heights=heights)
            )
            duties += [
                consensus.GetDutiesResponse.Duty(validator_index=index, height=height, is_proposer=True)
                for height in heights
                if self.committee.proposer(height) == index
            ]
        return consensus.GetDutiesResponse(
            duties=duties, dependent_root=mock_chain.validators_hash(self.committee.validators)
        )

    async def SubmitVote(self, request, context):
        async with answering(context):
            return await self.chain.vote(request.vote)

    async def GetStatus(self, request, context):
        return consensus.GetStatusResponse(height=self.chain.height - 1, last_block_hash=self.chain.head()[0].hash)

    async def ProposeBlock(self, request, context):
        async with answering(context):
            return await self.chain.propose(request)

    async def GetProposal(self, request, context):
        async with answering(context):
            proposal = self.chain.proposals.get((request.height, request.round))
            require(proposal is not None, Code.NOT_FOUND, "there is no proposal for this height and round")
            return consensus.GetProposalResponse(proposal=proposal)

    async def UploadBlockParts(self, requests, context):
        async with answering(context):
            pieces = {}
            async for part in requests:
                require(part.index not in pieces, Code.INVALID_ARGUMENT, f"index {part.index} was sent before")
                pieces[part.index] = part
            total = next(iter(pieces.values())).total if pieces else 0
            require(
                total > 0 and sorted(pieces) == list(range(total)), Code.INVALID_ARGUMENT, "index: parts are missing"
            )
            chunks = [pieces[index].data for index in range(total)]
            for index, part in pieces.items():
                require(
                    list(part.proof) == mock_chain.merkle_proof(chunks, index),
                    Code.INVALID_ARGUMENT,
                    f"proof of part {index} is wrong",
                )
            return await self.chain.propose(consensus.ProposeBlockRequest.FromString(b"".join(chunks)))

    async def VerifyBlock(self, request, context):
        started = time.monotonic()
        parent = self.committee.genesis_header
        if request.block.header.height > 1:
            parent = self.chain.blocks[request.block.header.height - 2].header
        reason = self.chain.problem(request.block, parent)
        return consensus.VerifyBlockResponse(
            verdict=REJECT if reason else ACCEPT,
            reason=reason,
            state_root=mock_chain.state_after(list(request.block.txs), parent.state_root),
            gas_used=sum(21_000 + 16 * len(transaction) for transaction in request.block.txs),
            verify_seconds=time.monotonic() - started,
        )

    async def VerifyCommit(self, request, context):
        commit, power, bad = request.commit, 0, []
        signers = [bit for bit in range(8 * len(commit.signer_bitmap)) if commit.signer_bitmap[bit // 8] >> bit % 8 & 1]
        for signer, signature in zip(signers, commit.signatures):
            vote = self.committee.vote(signer, PRECOMMIT, commit.height, commit.block_id.hash, commit.round)
            if vote.signature == signature:
                power += self.committee.power
            else:
                bad.append(signer)
        proof = not bad and 3 * power > 2 * self.committee.power * self.committee.count
        return consensus.VerifyCommitResponse(verdict=ACCEPT if proof else REJECT, signed_power=power, bad_signers=bad)

    async def StreamVotes(self, requests, context):
        async for batch in requests:
            accepted = 0
            for vote in batch.votes:
                with contextlib.suppress(Refusal):
                    await self.chain.vote(vote)
                    accepted += 1
            await context.write(
                consensus.VoteAck(
                    sequence=batch.sequence, accepted=accepted, rejected=len(batch.votes) - accepted, credit=CREDIT
                )
            )

    async def SyncBlocks(self, request, context):
        async with answering(context):
            decided = self.chain.height - 1
            require(request.from_height >= 1, Code.INVALID_ARGUMENT, "from_height must be at least 1, got 0")
            require(
                request.to_height <= decided, Code.OUT_OF_RANGE, f"to_height is past the last decided one, {decided}"
            )
        height = request.from_height
        while request.to_height == 0 or height <= request.to_height:
            async with self.chain.grown:
                await self.chain.grown.wait_for(lambda wanted=height: wanted < self.chain.height)
            block = self.chain.blocks[height - 1]
            height += 1
            await context.write(consensus.SyncBlocksResponse(blocks=[block], next_height=height))

    async def SubscribeEvents(self, request, context):
        queue: asyncio.Queue = asyncio.Queue()
        self.chain.listeners.add(queue)
        try:
            await context.send_initial_metadata(())
            while True:
                event = await queue.get()
                kind = event.WhichOneof("event")
                if kind == "vote" and event.vote.type not in request.vote_types:
                    continue
                if kind == "new_block" and not request.include_blocks:
                    continue
                await context.write(event)
        finally:
            self.chain.listeners.discard(queue)
