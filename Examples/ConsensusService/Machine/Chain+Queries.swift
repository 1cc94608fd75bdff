import BulwarkProtobuf

extension Chain {
  /// Registers a validator, active ``ChainLimits/activationDelay`` heights after the one being decided.
  ///
  /// - Throws: INVALID_ARGUMENT, ALREADY_EXISTS for a key that was registered with other values,
  ///   RESOURCE_EXHAUSTED when there is no place.
  mutating func register(_ request: RegisterValidatorRequest) throws(ChainRefusal)
    -> RegisterValidatorResponse
  {
    try self.registry.register(
      request,
      activationHeight: self.height + self.limits.activationDelay,
      limits: self.limits
    )
  }

  /// The last decided height, and where this node stands in deciding the next.
  var status: GetStatusResponse {
    let head = self.head
    let book = self.books[self.height]
    return GetStatusResponse.with {
      $0.height = self.height - 1
      $0.round = self.round
      $0.lastBlockHash = head.id.hash
      $0.syncing = self.highestSeen > self.height
      $0.powerByRound = book?.rounds.mapValues { $0.power(in: book?.validators ?? ValidatorSet([])) } ?? [:]
    }
  }

  /// The proposal of a round of a height that is being decided or was decided last.
  func proposal(_ request: GetProposalRequest) throws(ChainRefusal) -> GetProposalResponse {
    guard request.height >= 1 else { throw .invalid("height", "must be at least 1, got 0") }
    guard let proposal = self.books[request.height]?.rounds[request.round]?.proposal else {
      throw ChainRefusal(
        .notFound,
        "there is no proposal for height \(request.height), round \(request.round) at this node"
      )
    }
    return GetProposalResponse.with { $0.proposal = proposal.request }
  }

  /// The proposal of the round that this node is in, or nil.
  var currentProposal: ProposeBlockRequest? { self.books[self.height]?.rounds[self.round]?.proposal?.request }

  /// Whether the validator of this vote has cast one of its type in its round, for whatever block.
  func hasVoted(like vote: Vote) -> Bool {
    self.books[vote.height]?.tally(of: vote.type, round: vote.round)?.votes[vote.validatorIndex] != nil
  }

  /// A page of the validators of a height.
  ///
  /// A page holds at most ``ChainLimits/maxPageSize`` validators, whatever the request asks for.
  func validatorSet(_ request: GetValidatorSetRequest) throws(ChainRefusal) -> GetValidatorSetResponse {
    guard request.height <= self.height else {
      throw ChainRefusal(
        .outOfRange,
        "height \(request.height) is past \(self.height), the height being decided"
      )
    }
    var page = PageToken(height: request.height == 0 ? self.height : request.height, offset: 0)
    if !request.pageToken.isEmpty {
      page = try PageToken(request.pageToken, chainID: self.genesis.chainID)
      guard request.height == 0 || request.height == page.height else {
        throw .invalid("page_token", "is of height \(page.height), the request of height \(request.height)")
      }
    }
    let set =
      page.height == self.height ? self.prioritizedValidators : self.registry.set(at: page.height).validators
    let asked = request.pageSize == 0 ? self.limits.maxPageSize : Int(request.pageSize)
    let start = min(Int(page.offset), set.count)
    let end = min(start + min(asked, self.limits.maxPageSize), set.count)
    return GetValidatorSetResponse.with {
      $0.height = page.height
      $0.validators = Array(set[start..<end])
      if end < set.count {
        let next = PageToken(height: page.height, offset: UInt32(clamping: end))
        $0.nextPageToken = next.text(chainID: self.genesis.chainID)
      }
    }
  }

  private var prioritizedValidators: [Validator] {
    zip(self.validators.validators, self.rotation.priorities).map { validator, priority in
      var validator = validator
      validator.proposerPriority = priority
      return validator
    }
  }

  /// Who does what in the current or the next epoch; epoch e has the heights e * length + 1 to (e + 1) * length.
  ///
  /// Each validator gets one duty that lists the heights at which it votes, and one duty with `is_proposer` for
  /// each height whose round 0 is its turn. The duties hold as long as `dependent_root` stays the same: it is
  /// the hash of the validators of the epoch's last height.
  func duties(_ request: GetDutiesRequest) throws(ChainRefusal) -> GetDutiesResponse {
    let length = self.limits.epochLength
    let current = (self.height - 1) / length
    guard request.epoch == current || request.epoch == current + 1 else {
      throw ChainRefusal(
        .outOfRange,
        "epoch must be \(current) (now) or \(current + 1) (next), got \(request.epoch)"
      )
    }
    guard !request.validatorIndices.isEmpty else {
      throw .invalid("validator_indices", "must name a validator")
    }
    try requireAtMost(self.limits.maxPageSize, request.validatorIndices.count, "indices", "validator_indices")

    let heights = request.epoch * length + 1...(request.epoch + 1) * length
    let proposers = self.proposers(of: heights)
    var duties: [GetDutiesResponse.Duty] = []
    for index in request.validatorIndices {
      guard let activation = self.registry.activationHeight(of: index) else {
        throw .invalid("validator_indices", "names validator \(index), which does not exist")
      }
      duties.append(
        .with {
          $0.validatorIndex = index
          $0.attestHeights = heights.filter { $0 >= activation }
          $0.height = $0.attestHeights.first ?? 0
        }
      )
      for height in heights where proposers[height] == index {
        duties.append(
          .with {
            $0.validatorIndex = index
            $0.height = height
            $0.isProposer = true
          }
        )
      }
    }
    let root = self.registry.set(at: heights.upperBound).hash
    return GetDutiesResponse.with {
      $0.duties = duties
      $0.dependentRoot = root
    }
  }

  private func proposers(of heights: ClosedRange<UInt64>) -> [UInt64: UInt32] {
    var rotation = self.epochRotation
    var proposers: [UInt64: UInt32] = [:]
    let epochStart = (self.height - 1) / self.limits.epochLength * self.limits.epochLength + 1
    for height in epochStart...heights.upperBound {
      proposers[height] = rotation.step(self.registry.set(at: height))
    }
    return proposers
  }
}
