import Bulwark
import BulwarkProtobuf
import ConsensusService

/// Drives the committee through a height: propose, verify, prevote, precommit, and compare.
struct HeightRun: Sendable {
  /// At this height the last validator votes twice, to show what happens then.
  static let heightOfDoubleVote: UInt64 = 7

  /// What a call may take: a fraction of a round's time-out.
  private static let timeout: Duration = .seconds(2)

  let committee: Committee

  /// The member whose node does not answer: the others go on without it, and it votes and proposes by what they know.
  let lost: Int?

  let measurements = Measurements()

  /// The members whose nodes go on.
  private var healthy: [Committee.Member] { self.committee.members.filter { $0.index != self.lost } }

  func decide(_ height: UInt64) async throws {
    let proposal = try self.proposal(for: height)
    let hash = proposal.block?.id.hash ?? []
    try await self.propose(proposal)
    try await self.verify(proposal.block)
    try await self.castVotes(.prevote, height: height, for: hash)
    if height == Self.heightOfDoubleVote {
      try await self.voteTwice(height: height)
    }
    try await self.castVotes(.precommit, height: height, for: hash)
    try await self.compare(height: height, hash: hash)
  }

  /// The block of the member whose turn it is. Every fifth height has one of 400 KB, the others one of 25 KB.
  private func proposal(for height: UInt64) throws -> ProposeBlockRequest {
    let count = Self.isLarge(height) ? 1_600 : 100
    let transactions = (0..<count).map { index in
      let name = Array("transaction \(index) of height \(height) ".utf8)
      return Array((0..<250).map { name[$0 % name.count] })
    }
    for member in self.committee.members {
      let node = member.index == self.lost ? self.healthy.first?.node : member.node
      let proposal = node?.proposal(transactions) {
        $0.publicKey == member.key.publicKey ? member.key : nil
      }
      if let proposal { return proposal }
    }
    throw DemoFailure("no member has the key of the proposer")
  }

  private static func isLarge(_ height: UInt64) -> Bool { height % 5 == 0 }

  /// The proposer sends its block to all; large ones in parts.
  private func propose(_ proposal: ProposeBlockRequest) async throws {
    let address = proposal.block?.header?.proposerAddress
    guard let proposer = self.committee.members.first(where: { $0.key.address == address }) else { return }
    let parts = Self.isLarge(proposal.block?.header?.height ?? 0) ? try proposal.parts() : []
    try await self.toEveryone(from: [proposer]) { _, peer in
      let answer =
        parts.isEmpty
        ? try await self.measurements.measure("ProposeBlock") {
          try await peer.proposeBlock(proposal, timeout: Self.timeout)
        }
        : try await self.measurements.measure("UploadBlockParts") {
          try await peer.uploadBlockParts(timeout: Self.timeout) { try await $0.write(contentsOf: parts) }
        }
      guard answer.verdict == .accept else {
        throw DemoFailure("a proposal was rejected: \(answer.reason)")
      }
    }
  }

  /// Each member whose node answers has it verify and run the block.
  private func verify(_ block: Block?) async throws {
    let request = VerifyBlockRequest.with {
      $0.block = block
      $0.fullExecution = true
    }
    try await withThrowingTaskGroup { group in
      for member in self.healthy {
        group.addTask {
          let answer = try await self.measurements.measure("VerifyBlock") {
            try await member.peers[member.index].verifyBlock(request, timeout: Self.timeout)
          }
          guard answer.verdict == .accept else { throw DemoFailure("a block was rejected: \(answer.reason)") }
        }
      }
      try await group.waitForAll()
    }
  }

  /// Every member votes at every node: the even ones with a call, the odd ones on a stream.
  private func castVotes(_ type: VoteType, height: UInt64, for hash: [UInt8]) async throws {
    try await self.toEveryone(from: self.committee.members) { member, peer in
      let vote = Vote.signed(type, by: member.key, index: member.index, height: height, for: hash)
      if member.index % 2 == 0 {
        let receipt = try await self.measurements.measure("SubmitVote") {
          try await peer.submitVote(.with { $0.vote = vote }, timeout: Self.timeout)
        }
        guard receipt.accepted else { throw DemoFailure("a vote was not taken") }
      } else {
        let batch = VoteBatch.with {
          $0.sequence = height
          $0.votes = [vote]
        }
        let acknowledgement = try await self.measurements.measure("StreamVotes") {
          try await peer.streamVotes(timeout: Self.timeout) { requests, responses in
            try await requests.write(batch)
            requests.finish()
            var answers = responses.makeAsyncIterator()
            return try await answers.next()
          }
        }
        guard acknowledgement?.accepted == 1 else { throw DemoFailure("a batch of votes was not taken") }
      }
    }
  }

  /// The last member prevotes nil too, and every node that answers must do so with the evidence.
  private func voteTwice(height: UInt64) async throws {
    guard let member = self.committee.members.last else { return }
    let vote = Vote.signed(.prevote, by: member.key, index: member.index, height: height, for: [])
    for peer in self.healthy.map({ member.peers[$0.index] }) {
      do {
        _ = try await peer.submitVote(.with { $0.vote = vote }, timeout: Self.timeout)
        throw DemoFailure("a double vote was taken")
      } catch let error as RPCError where error.metadata[binary: "evidence-bin"] != nil {
        continue
      }
    }
  }

  /// Everyone whose node answers must have decided this block.
  private func compare(height: UInt64, hash: [UInt8]) async throws {
    for member in self.healthy {
      let status = try await self.measurements.measure("GetStatus") {
        try await member.peers[member.index].getStatus(GetStatusRequest(), timeout: Self.timeout)
      }
      guard status.height == height, status.lastBlockHash == hash else {
        throw DemoFailure("node \(member.index) stands at height \(status.height) with another block")
      }
    }
  }

  /// Runs something for each member at each node, all at once. What fails at the lost node is counted, and no more.
  private func toEveryone(
    from members: [Committee.Member],
    _ body: @escaping @Sendable (_ from: Committee.Member, _ to: ConsensusServiceClient) async throws -> Void
  ) async throws {
    try await withThrowingTaskGroup { group in
      for member in members {
        for (index, peer) in member.peers.enumerated() {
          group.addTask {
            do {
              try await body(member, peer)
            } catch let error as RPCError where index == self.lost {
              self.measurements.note(CallOutcome(error))
            }
          }
        }
      }
      try await group.waitForAll()
    }
  }
}
