import BulwarkProtobuf

/// What is left of a commit certificate when it has been checked.
struct CommitCheck: Hashable, Sendable {
  /// The power of the validators whose signatures are right.
  private(set) var signedPower: UInt64 = 0

  /// The indices whose signatures are wrong, and the bits beyond the last validator.
  private(set) var badSigners: [UInt32] = []

  /// Whether the certificate proves its block: every signature right and more than two thirds of the power.
  let isProof: Bool

  /// Checks a certificate against the validators of its height.
  ///
  /// Bit i of the bitmap (byte i / 8, lowest bit first) says that validator i signed; the signatures follow in
  /// the order of the bits. Each is over the precommit of the certificate's height, round and block. An
  /// aggregate, where there is one, is the digest of the signatures.
  ///
  /// - Throws: INVALID_ARGUMENT if the certificate's shape is wrong, whatever it proves.
  init(_ commit: CommitCertificate, validators: ValidatorSet, chainID: String) throws(ChainRefusal) {
    guard let block = commit.blockId else { throw .invalid("commit.block_id", "is missing") }
    try requireLength(32, of: block.hash, "commit.block_id.hash")
    let bytes = (validators.validators.count + 7) / 8
    try requireLength(bytes, of: commit.signerBitmap, "commit.signer_bitmap")
    let signers = commit.signerIndices
    guard signers.count == commit.signatures.count else {
      throw .invalid(
        "commit.signatures",
        "must hold one for each of the \(signers.count) bits of signer_bitmap, got \(commit.signatures.count)"
      )
    }
    let precommit = Vote.with {
      $0.type = .precommit
      $0.height = commit.height
      $0.round = commit.round
      $0.blockHash = block.hash
    }
    let signed = precommit.signBytes(chainID: chainID)
    for (index, signature) in zip(signers, commit.signatures) {
      if let validator = validators[index],
        MockKey(publicKey: validator.publicKey).verifies(signature, over: signed)
      {
        self.signedPower = self.signedPower.addingSaturated(validator.votingPower)
      } else {
        self.badSigners.append(index)
      }
    }
    let isAggregateRight =
      commit.aggregateSignature.isEmpty || commit.aggregateSignature == commit.aggregateOfSignatures
    self.isProof = self.badSigners.isEmpty && isAggregateRight && validators.isQuorum(self.signedPower)
  }
}

extension CommitCertificate {
  /// The certificate that these precommits make; all must be for the same block.
  init(height: UInt64, round: UInt32, blockID: BlockId, precommits: VoteTally, validatorCount: Int) {
    let votes = precommits.votes.values.filter { $0.blockHash == blockID.hash }
      .sorted { $0.validatorIndex < $1.validatorIndex }
    var bitmap = [UInt8](repeating: 0, count: (validatorCount + 7) / 8)
    for vote in votes where Int(vote.validatorIndex) < validatorCount {
      bitmap[Int(vote.validatorIndex) / 8] |= 1 << UInt8(vote.validatorIndex % 8)
    }
    self.init()
    self.height = height
    self.round = round
    self.blockId = blockID
    self.signerBitmap = bitmap
    self.signatures = votes.map(\.signature)
    self.aggregateSignature = self.aggregateOfSignatures
  }

  /// The positions of the bits that are set, ascending.
  var signerIndices: [UInt32] {
    self.signerBitmap.enumerated().flatMap { position, byte in
      (0..<8).filter { byte & (1 << UInt8($0)) != 0 }.map { UInt32(clamping: position * 8 + $0) }
    }
  }

  /// The digest of the signatures, domain `bulwark.mock.aggregate`: it saves nothing, as a real one would.
  var aggregateOfSignatures: [UInt8] {
    var bytes = CanonicalBytes(domain: "bulwark.mock.aggregate")
    for signature in self.signatures {
      bytes.append(signature)
    }
    return bytes.digest
  }
}
