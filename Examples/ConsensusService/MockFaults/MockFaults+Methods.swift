import Bulwark

extension MockFaults {
  private typealias Methods = ConsensusServiceMethods

  /// The methods that faults can be set for: all of ``ConsensusService``.
  static let methods: [MethodDescriptor] = [
    Methods.registerValidator.descriptor, Methods.getValidatorSet.descriptor, Methods.getDuties.descriptor,
    Methods.submitVote.descriptor, Methods.getStatus.descriptor, Methods.proposeBlock.descriptor,
    Methods.getProposal.descriptor, Methods.uploadBlockParts.descriptor, Methods.verifyBlock.descriptor,
    Methods.verifyCommit.descriptor, Methods.streamVotes.descriptor, Methods.syncBlocks.descriptor,
    Methods.subscribeEvents.descriptor,
  ]

  /// Whether the method is one whose hashing can be made to take longer.
  static func verifies(_ method: String) -> Bool {
    method == Methods.verifyBlock.descriptor.method || method == Methods.verifyCommit.descriptor.method
  }
}
