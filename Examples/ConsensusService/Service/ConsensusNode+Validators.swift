public import Bulwark

// The group validator_rpc: small requests, small answers, all of it in the chain.
extension ConsensusNode {
  /// See ``Chain/register(_:)``. A registration is known to the node that it was sent to: register at each node of
  /// a committee before the validator becomes active, or the nodes will disagree on the proposers.
  public func registerValidator(
    _ request: RegisterValidatorRequest,
    context: CallContext
  ) async throws -> RegisterValidatorResponse {
    try self.answer { try $0.register(request) }
  }

  public func getValidatorSet(
    _ request: GetValidatorSetRequest,
    context: CallContext
  ) async throws -> GetValidatorSetResponse {
    try self.answer { try $0.validatorSet(request) }
  }

  public func getDuties(_ request: GetDutiesRequest, context: CallContext) async throws -> GetDutiesResponse {
    try self.answer { try $0.duties(request) }
  }

  public func submitVote(_ request: SubmitVoteRequest, context: CallContext) async throws
    -> SubmitVoteResponse
  {
    try answering {
      guard let vote = request.vote else { throw ChainRefusal.invalid("vote", "is missing") }
      return try self.withChain { try $0.submit(vote) }
    }
  }

  public func getStatus(_ request: GetStatusRequest, context: CallContext) async throws -> GetStatusResponse {
    self.withState { $0.chain.status }
  }
}
