import BulwarkProtobuf

/// Every validator that has been registered, and from which height each is active. Nobody leaves.
struct ValidatorRegistry: Hashable, Sendable {
  private struct Entry: Hashable, Sendable {
    let validator: Validator
    let labels: [String: String]
    let activationHeight: UInt64
  }

  private var entries: [Entry]
  private var indexByKey: [[UInt8]: UInt32] = [:]
  private let chainID: String

  init(genesis: Genesis) {
    self.chainID = genesis.chainID
    self.entries = genesis.validators.map { validator in
      Entry(validator: validator, labels: [:], activationHeight: 0)
    }
    for (index, validator) in genesis.validators.enumerated() {
      self.indexByKey[validator.publicKey] = UInt32(clamping: index)
    }
  }

  /// The validators that are active at a height. Entries are ordered by their activation.
  func set(at height: UInt64) -> ValidatorSet {
    ValidatorSet(self.entries.prefix { $0.activationHeight <= height }.map(\.validator))
  }

  /// From which height a validator is active; nil for an index that nobody has.
  func activationHeight(of index: UInt32) -> UInt64? {
    Int(index) < self.entries.count ? self.entries[Int(index)].activationHeight : nil
  }

  /// Adds a validator, active from `activationHeight` on. The same registration again changes nothing.
  mutating func register(
    _ request: RegisterValidatorRequest,
    activationHeight: UInt64,
    limits: ChainLimits
  ) throws(ChainRefusal) -> RegisterValidatorResponse {
    let validator = try self.check(request, limits: limits)
    let index: UInt32
    if let known = self.indexByKey[validator.publicKey] {
      let entry = self.entries[Int(known)]
      guard validator.votingPower == entry.validator.votingPower,
        validator.moniker == entry.validator.moniker,
        request.labels == entry.labels
      else {
        throw ChainRefusal(
          .alreadyExists,
          "validator.public_key belongs to validator \(known), which was registered with other values"
        )
      }
      index = known
    } else {
      guard self.entries.count < limits.maxValidators else {
        throw ChainRefusal(
          .resourceExhausted,
          "there are \(limits.maxValidators) validators, which is the limit"
        )
      }
      index = UInt32(clamping: self.entries.count)
      self.indexByKey[validator.publicKey] = index
      self.entries.append(
        Entry(validator: validator, labels: request.labels, activationHeight: activationHeight)
      )
    }
    let activation = self.entries[Int(index)].activationHeight
    return RegisterValidatorResponse.with {
      $0.validatorIndex = index
      $0.activationHeight = activation
    }
  }

  /// Checks every field, and returns the validator without what only peers may set in theirs.
  private func check(
    _ request: RegisterValidatorRequest,
    limits: ChainLimits
  ) throws(ChainRefusal) -> Validator {
    guard var validator = request.validator else { throw .invalid("validator", "is missing") }
    guard validator.publicKey.count == 32 || validator.publicKey.count == 48 else {
      throw .invalid("validator.public_key", "must be 32 or 48 bytes, got \(validator.publicKey.count)")
    }
    try requireLength(20, of: validator.address, "validator.address")
    let key = MockKey(publicKey: validator.publicKey)
    guard validator.address == key.address else {
      throw .invalid("validator.address", "is not the address of validator.public_key")
    }
    guard (1...limits.maxVotingPower).contains(validator.votingPower) else {
      throw .invalid(
        "validator.voting_power",
        "must be 1 to \(limits.maxVotingPower), got \(validator.votingPower)"
      )
    }
    try requireAtMost(64, validator.moniker.utf8.count, "bytes", "validator.moniker")
    try requireAtMost(16, request.labels.count, "labels", "labels")
    for (name, value) in request.labels {
      try requireAtMost(64, name.utf8.count, "bytes", "a name in labels")
      try requireAtMost(256, value.utf8.count, "bytes", "labels[\"\(name)\"]")
    }
    try requireLength(64, of: request.proofOfPossession, "proof_of_possession")
    guard key.verifies(request.proofOfPossession, over: validator.possessionBytes(chainID: self.chainID))
    else {
      throw .invalid("proof_of_possession", "does not verify for validator.public_key")
    }
    validator.proposerPriority = 0
    validator.unknownFields = UnknownFields()
    return validator
  }
}
