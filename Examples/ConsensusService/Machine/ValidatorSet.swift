/// The validators of one height, in the order of their indices.
public struct ValidatorSet: Hashable, Sendable {
  /// The validators; the index of each is its place.
  public private(set) var validators: [Validator]

  /// The sum of their voting powers.
  public private(set) var totalPower: UInt64

  /// Joins validators. A sum beyond 64 bits stays at the largest number, so that no vote can reach two thirds.
  public init(_ validators: [Validator]) {
    self.validators = validators
    self.totalPower = validators.reduce(0) { $0.addingSaturated($1.votingPower) }
  }

  /// The validator of this index, or nil.
  public subscript(index: UInt32) -> Validator? {
    Int(index) < self.validators.count ? self.validators[Int(index)] : nil
  }

  /// Whether a power is more than two thirds of the whole; exactly two thirds is not enough.
  public func isQuorum(_ power: UInt64) -> Bool {
    power.multipliedFullWidth(by: 3) > self.totalPower.multipliedFullWidth(by: 2)
  }

  /// The index of the validator whose turn a round is, by the priorities of the height being decided, as
  /// `GetValidatorSet` returns them. The cost grows with the round.
  public func proposer(round: UInt32) -> UInt32 {
    ProposerRotation(of: self.validators).proposer(round: round, of: self)
  }

  /// What a header names as `validators_hash`: the Merkle root over address, public key and power of each.
  public var hash: [UInt8] {
    MerkleTree.root(
      ofLeafHashes: self.validators.map { validator in
        var bytes = CanonicalBytes(domain: "bulwark.mock.validator")
        bytes.append(validator.address)
        bytes.append(validator.publicKey)
        bytes.append(validator.votingPower)
        return MerkleTree.leafHash(bytes.bytes)
      }
    )
  }
}

extension UInt64 {
  func addingSaturated(_ other: UInt64) -> UInt64 {
    let (sum, overflow) = self.addingReportingOverflow(other)
    return overflow ? .max : sum
  }
}
