import BulwarkProtobuf
import Testing

@testable import ConsensusService

@Suite struct VoteTests {
  @Test("a vote is counted with the power of its validator")
  func counted() throws {
    var committee = Committee(powers: [7, 10, 10, 10])
    let receipt = try committee.chain.submit(committee.vote(.prevote, by: 0, for: hash(1)))
    #expect(receipt.accepted && !receipt.duplicate)
    #expect(receipt.powerSeen == 7)
  }

  @Test("power_seen is that of one block, type and round")
  func powerSeen() throws {
    var committee = Committee()
    _ = try committee.chain.submit(committee.vote(.prevote, by: 0, for: hash(1)))
    _ = try committee.chain.submit(committee.vote(.prevote, by: 1, for: hash(2)))
    _ = try committee.chain.submit(committee.vote(.precommit, by: 2, for: hash(1)))
    _ = try committee.chain.submit(committee.vote(.prevote, by: 2, for: hash(1), round: 1))
    #expect(try committee.chain.submit(committee.vote(.prevote, by: 3, for: hash(1))).powerSeen == 20)
  }

  @Test("the same vote again is a duplicate, and counts once")
  func duplicate() throws {
    var committee = Committee()
    _ = try committee.chain.submit(committee.vote(.prevote, by: 0, for: hash(1)))
    var again = committee.vote(.prevote, by: 0, for: hash(1))
    again.timestampNs += 1
    let receipt = try committee.chain.submit(again)
    #expect(receipt.accepted && receipt.duplicate)
    #expect(receipt.powerSeen == 10)
    #expect(committee.chain.takeEvents().count == 1)
  }

  @Test("a vote of another type, round or validator is no duplicate")
  func noDuplicates() throws {
    var committee = Committee()
    _ = try committee.chain.submit(committee.vote(.prevote, by: 0, for: hash(1)))
    for other in [
      committee.vote(.precommit, by: 0, for: hash(1)),
      committee.vote(.prevote, by: 0, for: hash(1), round: 1),
      committee.vote(.prevote, by: 1, for: hash(1)),
    ] {
      #expect(try !committee.chain.submit(other).duplicate)
    }
  }

  @Test("a conflicting vote is refused with both votes as evidence, and the first stays")
  func conflict() throws {
    var committee = Committee()
    let first = committee.vote(.precommit, by: 2, for: hash(1))
    let second = committee.vote(.precommit, by: 2, for: hash(2))
    _ = try committee.chain.submit(first)
    let refusal = #expect(throws: ChainRefusal.self) { try committee.chain.submit(second) }
    #expect(refusal?.reason == .failedPrecondition)
    #expect(refusal?.evidence == .duplicateVote(first, second))
    #expect(try committee.chain.submit(first).duplicate)
  }

  @Test("a nil vote conflicts with a vote for a block")
  func nilConflicts() throws {
    var committee = Committee()
    _ = try committee.chain.submit(committee.vote(.prevote, by: 0, for: []))
    let refusal = #expect(throws: ChainRefusal.self) {
      try committee.chain.submit(committee.vote(.prevote, by: 0, for: hash(1)))
    }
    #expect(refusal?.evidence != nil)
  }

  @Test("a double vote is told of once, however often it comes")
  func evidenceIsReportedOnce() throws {
    var committee = Committee()
    _ = try committee.chain.submit(committee.vote(.prevote, by: 0, for: hash(1)))
    _ = committee.chain.takeEvents()
    for byte in 2...9 as ClosedRange<UInt8> {
      let second = committee.vote(.prevote, by: 0, for: hash(byte))
      #expect(throws: ChainRefusal.self) { try committee.chain.submit(second) }
    }
    #expect(committee.chain.takeEvents().count == 1)
    #expect(committee.chain.pendingEvidence.count == 1)
  }

  @Test("evidence that waits for a block is bounded")
  func pendingEvidenceIsBounded() throws {
    var limits = ChainLimits()
    limits.maxEvidence = 2
    var committee = Committee(limits: limits)
    for index in 0..<4 {
      _ = try committee.chain.submit(committee.vote(.prevote, by: index, for: hash(1), round: 1))
      let second = committee.vote(.prevote, by: index, for: hash(2), round: 1)
      #expect(throws: ChainRefusal.self) { try committee.chain.submit(second) }
    }
    #expect(committee.chain.pendingEvidence.count == 2)
  }

  @Test(
    "a wrong field is named, with its rule and its value",
    arguments: [
      WrongInput("vote.type must be PREVOTE or PRECOMMIT") { $0.type = .unspecified },
      WrongInput("vote.height must be at least 1, got 0") { $0.height = 0 },
      WrongInput("vote.block_hash must be 32 bytes, or empty for nil, got 2") { $0.blockHash = [1, 2] },
      WrongInput("vote.validator_index must be below 4, got 4") { $0.validatorIndex = 4 },
      WrongInput("vote.signature must be 64 bytes, got 3") { $0.signature = [1, 2, 3] },
      WrongInput("vote.signature does not verify for validator 1") { $0.signature[63] ^= 1 },
      WrongInput("vote.signature does not verify for validator 2") { $0.validatorIndex = 2 },
      WrongInput("vote.extension must be empty but for a precommit of a block") { $0.extension = [1] },
      WrongInput("vote.extension must hold at most 1024 bytes, got 1025") {
        $0.extension = [UInt8](repeating: 0, count: 1_025)
      },
    ] as [WrongInput<Vote>]
  )
  func wrongFields(wrong: WrongInput<Vote>) {
    var committee = Committee()
    var vote = committee.vote(.prevote, by: 1, for: hash(1))
    wrong.spoil(&vote)
    #expect(throws: wrong.refusal) { try committee.chain.submit(vote) }
    #expect(committee.chain.takeEvents().isEmpty)
  }

  @Test("fields that the schema does not know are not kept of a vote")
  func unknownFields() throws {
    var committee = Committee()
    let vote = committee.vote(.prevote, by: 0, for: hash(1))
    let padded = try Vote(serializedBytes: vote.serializedBytes() + [0x9a, 0x06, 0x01, 0])
    #expect(padded != vote)
    _ = try committee.chain.submit(padded)
    #expect(committee.chain.takeEvents().map(\.event) == [.vote(vote)])
  }

  @Test("a precommit of a block may carry an extension of up to the limit")
  func extensions() throws {
    var committee = Committee()
    var vote = committee.vote(.precommit, by: 0, for: hash(1))
    vote.extension = [UInt8](repeating: 0, count: 1_024)
    #expect(try committee.chain.submit(vote).accepted)
    var nilVote = committee.vote(.precommit, by: 1, for: [])
    nilVote.extension = [1]
    #expect(throws: ChainRefusal.self) { try committee.chain.submit(nilVote) }
  }

  @Test("a vote for a later height is refused, and shows that this node is behind")
  func laterHeight() {
    var committee = Committee()
    let vote = committee.vote(.precommit, by: 0, for: hash(1), height: 2)
    let refusal = #expect(throws: ChainRefusal.self) { try committee.chain.submit(vote) }
    #expect(refusal?.reason == .failedPrecondition)
    #expect(refusal?.message == "vote.height 2 is ahead: this node decides height 1")
    #expect(committee.chain.status.syncing)
  }

  @Test("a forged vote for a later height shows nothing")
  func forgedLaterHeight() {
    var committee = Committee()
    var vote = committee.vote(.precommit, by: 0, for: hash(1), height: 2)
    vote.signature[0] ^= 1
    #expect(throws: ChainRefusal.self) { try committee.chain.submit(vote) }
    #expect(!committee.chain.status.syncing)
  }

  @Test("a late precommit for a decided height is counted, and caught if it conflicts")
  func lateVotes() throws {
    var committee = Committee()
    let id = try committee.decide()
    let late = committee.vote(.precommit, by: 3, for: id.hash, height: 1)
    #expect(try committee.chain.submit(late).powerSeen == 40)
    let second = committee.vote(.precommit, by: 0, for: hash(7), height: 1)
    let refusal = #expect(throws: ChainRefusal.self) { try committee.chain.submit(second) }
    #expect(refusal?.evidence != nil)
  }

  @Test("a decided height takes no votes for rounds that it did not have")
  func lateVotesForUnknownRounds() throws {
    var committee = Committee()
    try committee.decide()
    let vote = committee.vote(.precommit, by: 3, for: hash(1), height: 1, round: 1)
    let refusal = #expect(throws: ChainRefusal.self) { try committee.chain.submit(vote) }
    #expect(refusal?.message == "vote.round 1 is not known of height 1, which is decided")
  }

  @Test("rounds up to the limit ahead are taken, and none beyond")
  func roundsAhead() throws {
    var committee = Committee()
    #expect(try committee.chain.submit(committee.vote(.prevote, by: 0, for: hash(1), round: 4)).accepted)
    let refusal = #expect(throws: ChainRefusal.self) {
      try committee.chain.submit(committee.vote(.prevote, by: 0, for: hash(1), round: 5))
    }
    #expect(refusal?.message == "vote.round 5 is ahead: rounds up to 4 are taken now")
  }
}
