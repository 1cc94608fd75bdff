"""An in-memory ConsensusService for the clients under test."""

from stubs import consensus_grpc


class FakeConsensus(consensus_grpc.ConsensusServiceServicer):
    pass
