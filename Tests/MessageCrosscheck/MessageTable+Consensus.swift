import BulwarkProtobuf
import ConsensusService

extension MessageTable {
  /// The messages of `ConsensusService` and `MockControl`.
  static let consensus: [any ProtobufMessage.Type] = [
    BlockId.self, Validator.self, Vote.self, BlockHeader.self, CommitCertificate.self, Block.self,
    Evidence.self, Evidence.DuplicateVote.self, Evidence.InvalidProposal.self,
    RegisterValidatorRequest.self, RegisterValidatorResponse.self, GetValidatorSetRequest.self,
    GetValidatorSetResponse.self, GetDutiesRequest.self, GetDutiesResponse.self,
    GetDutiesResponse.Duty.self, SubmitVoteRequest.self, SubmitVoteResponse.self, GetStatusRequest.self,
    GetStatusResponse.self, ProposeBlockRequest.self, ProposeBlockResponse.self, GetProposalRequest.self,
    GetProposalResponse.self, BlockPart.self, VerifyBlockRequest.self, VerifyBlockResponse.self,
    VerifyCommitRequest.self, VerifyCommitResponse.self, VoteBatch.self, VoteAck.self,
    SyncBlocksRequest.self, SyncBlocksResponse.self, SubscribeEventsRequest.self, ConsensusEvent.self,
    ConsensusEvent.RoundTimeout.self, MethodFaults.self, FailureCycle.self, FaultCounts.self,
    SetFaultsRequest.self, SetFaultsResponse.self, GetFaultsRequest.self, GetFaultsResponse.self,
    ClearFaultsRequest.self, ClearFaultsResponse.self,
  ]
}
