"""The rules of the example chain, written a second time: what is hashed, what is signed, and whose turn it is.

Both ends of the suites use it: a client that talks to our node makes its blocks and votes with it, and the node that
our client talks to checks them with it. The source of the rules is Examples/ConsensusService/Hashing.
"""

import hashlib
from dataclasses import dataclass, field

from stubs import consensus

PART_SIZE = 65_536


def canonical(domain: str, *values: int | bytes | str) -> bytes:
    """Every integer as 8 bytes, big endian; every string as its length and its bytes; the domain first."""
    out = bytearray()
    for value in (domain, *values):
        if isinstance(value, int):
            out += (value % 2**64).to_bytes(8, "big")
        else:
            content = value.encode() if isinstance(value, str) else value
            out += len(content).to_bytes(8, "big") + content
    return bytes(out)


def digest(domain: str, *values: int | bytes | str) -> bytes:
    return hashlib.sha256(canonical(domain, *values)).digest()


# The Merkle tree of RFC 6962, section 2.1


def leaf_hash(data: bytes) -> bytes:
    return hashlib.sha256(b"\x00" + data).digest()


def parents(level: list[bytes]) -> list[bytes]:
    pairs = [level[at : at + 2] for at in range(0, len(level), 2)]
    return [hashlib.sha256(b"\x01" + pair[0] + pair[1]).digest() if len(pair) == 2 else pair[0] for pair in pairs]


def merkle_root(leaves: list[bytes]) -> bytes:
    level = [leaf_hash(leaf) for leaf in leaves]
    while len(level) > 1:
        level = parents(level)
    return level[0] if level else hashlib.sha256(b"").digest()


def merkle_proof(leaves: list[bytes], index: int) -> list[bytes]:
    level, proof = [leaf_hash(leaf) for leaf in leaves], []
    while len(level) > 1:
        if index ^ 1 < len(level):
            proof.append(level[index ^ 1])
        level, index = parents(level), index // 2
    return proof


# Keys and signatures, which protect nothing


def address_of(public_key: bytes) -> bytes:
    return digest("bulwark.mock.address", public_key)[:20]


def sign(public_key: bytes, message: bytes) -> bytes:
    return b"".join(digest(f"bulwark.mock.signature.{half}", public_key, message) for half in (1, 2))


def vote_bytes(chain_id: str, vote) -> bytes:
    kind = 2 if vote.type == consensus.VOTE_TYPE_PRECOMMIT else 1
    return canonical("bulwark.mock.vote", chain_id, kind, vote.height, vote.round, vote.block_hash)


def proposal_bytes(proposal, block_hash: bytes) -> bytes:
    return canonical("bulwark.mock.proposal", proposal.pol_round, block_hash)


# Blocks


def block_hash(header) -> bytes:
    return digest(
        "bulwark.mock.block",
        header.chain_id,
        header.height,
        header.round,
        header.timestamp_ns,
        header.parent.hash,
        header.parent.part_total,
        header.txs_root,
        header.state_root,
        header.validators_hash,
        header.proposer_address,
    )


def block_id(block):
    size = sum(map(len, block.txs))
    return consensus.BlockId(hash=block_hash(block.header), part_total=max(1, -(-size // PART_SIZE)))


def state_after(transactions: list[bytes], state: bytes) -> bytes:
    for transaction in transactions:
        state = digest("bulwark.mock.state", state, leaf_hash(transaction))
    return state


def validators_hash(validators) -> bytes:
    return merkle_root(
        [canonical("bulwark.mock.validator", each.address, each.public_key, each.voting_power) for each in validators]
    )


@dataclass
class Committee:
    """A chain of validators with derived keys and equal power, as `consensus-node --chain-id … --validators …`."""

    chain_id: str
    count: int
    power: int = 10
    keys: list[bytes] = field(init=False)
    validators: list = field(init=False)

    def __post_init__(self) -> None:
        self.keys = [digest("bulwark.mock.key", self.chain_id, index) for index in range(self.count)]
        self.validators = [
            consensus.Validator(
                address=address_of(key), public_key=key, voting_power=self.power, moniker=f"validator-{index}"
            )
            for index, key in enumerate(self.keys)
        ]

    @property
    def genesis_header(self):
        members = validators_hash(self.validators)
        return consensus.BlockHeader(
            chain_id=self.chain_id,
            state_root=digest("bulwark.mock.genesis", self.chain_id, members),
            validators_hash=members,
        )

    @property
    def genesis_id(self):
        return consensus.BlockId(hash=block_hash(self.genesis_header), part_total=1)

    def proposer(self, height: int, round_: int = 0) -> int:
        """Weighted round robin among equals is a plain one; each height starts one step after the last."""
        return (height - 1 + round_) % self.count

    def with_priorities(self, height: int) -> list:
        """The validators as GetValidatorSet shows them when this height is being decided."""
        priorities = [0] * self.count
        for step in range(1, height):
            priorities = [priority + self.power for priority in priorities]
            priorities[self.proposer(step)] -= self.power * self.count
        shown = []
        for validator, priority in zip(self.validators, priorities):
            shown.append(consensus.Validator(proposer_priority=priority))
            shown[-1].MergeFrom(validator)
        return shown

    def propose(
        self, parent, parent_header, transactions: list[bytes], *, round_: int = 0, timestamp: int | None = None
    ):
        """A signed proposal for the height after the parent's."""
        height = parent_header.height + 1
        proposer = self.proposer(height, round_)
        header = consensus.BlockHeader(
            chain_id=self.chain_id,
            height=height,
            round=round_,
            timestamp_ns=parent_header.timestamp_ns + 1 if timestamp is None else timestamp,
            parent=parent,
            txs_root=merkle_root(transactions),
            state_root=state_after(transactions, parent_header.state_root),
            validators_hash=validators_hash(self.validators),
            proposer_address=self.validators[proposer].address,
        )
        proposal = consensus.ProposeBlockRequest(block=consensus.Block(header=header, txs=transactions), pol_round=-1)
        return self.signed(proposal, proposer)

    def signed(self, proposal, proposer: int):
        proposal.signature = sign(self.keys[proposer], proposal_bytes(proposal, block_hash(proposal.block.header)))
        return proposal

    def vote(self, validator: int, type_: int, height: int, hash_: bytes, round_: int = 0):
        vote = consensus.Vote(type=type_, height=height, round=round_, block_hash=hash_, validator_index=validator)
        vote.signature = sign(self.keys[validator], vote_bytes(self.chain_id, vote))
        return vote

    def certificate(self, height: int, id_, signers: list[int], round_: int = 0):
        votes = [self.vote(signer, consensus.VOTE_TYPE_PRECOMMIT, height, id_.hash, round_) for signer in signers]
        bitmap = sum(1 << signer for signer in signers).to_bytes(-(-self.count // 8), "little")
        signatures = [vote.signature for vote in votes]
        return consensus.CommitCertificate(
            height=height,
            round=round_,
            block_id=id_,
            signer_bitmap=bitmap,
            signatures=signatures,
            aggregate_signature=digest("bulwark.mock.aggregate", *signatures),
        )

    def registration(self, public_key: bytes, power: int, moniker: str, labels: dict[str, str]):
        validator = consensus.Validator(
            address=address_of(public_key), public_key=public_key, voting_power=power, moniker=moniker
        )
        proof = canonical("bulwark.mock.possession", self.chain_id, validator.address, power)
        return consensus.RegisterValidatorRequest(
            validator=validator, proof_of_possession=sign(public_key, proof), labels=labels
        )


def parts(proposal) -> list:
    """The proposal as UploadBlockParts takes it."""
    data = proposal.SerializeToString()
    chunks = [data[at : at + PART_SIZE] for at in range(0, len(data), PART_SIZE)]
    header = proposal.block.header
    return [
        consensus.BlockPart(
            height=header.height,
            round=header.round,
            index=index,
            total=len(chunks),
            data=chunk,
            proof=merkle_proof(chunks, index),
        )
        for index, chunk in enumerate(chunks)
    ]
