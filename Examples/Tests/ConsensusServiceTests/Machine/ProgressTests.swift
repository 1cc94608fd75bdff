import BulwarkProtobuf
import Testing

@testable import ConsensusService

@Suite struct ProgressTests {
  @Test(
    "more than two thirds of the power decide, exactly two thirds do not",
    arguments: [
      ([1, 1, 1], 3), ([10, 10, 10, 10], 3), ([2, 1, 1, 1, 1], 4), ([34, 33, 33], 2), ([67, 33], 1),
      ([66, 33, 1], 2),
    ] as [([UInt64], Int)]
  )
  func twoThirds(powers: [UInt64], needed: Int) throws {
    var committee = Committee(powers: powers)
    let id = try #require(try committee.propose(committee.proposal()).blockId)
    for index in 0..<needed {
      #expect(committee.chain.height == 1)
      _ = try committee.chain.submit(committee.vote(.precommit, by: index, for: id.hash))
    }
    #expect(committee.chain.height == 2)
  }

  @Test("a quorum is a strict one, also at the edges of 64 bits")
  func quorum() {
    let three = ValidatorSet((0..<3).map { _ in Validator.with { $0.votingPower = 1 } })
    #expect(!three.isQuorum(2))
    #expect(three.isQuorum(3))
    let huge = ValidatorSet((0..<2).map { _ in Validator.with { $0.votingPower = .max } })
    #expect(huge.totalPower == .max)
    #expect(!huge.isQuorum(.max / 3 * 2))
    #expect(huge.isQuorum(.max / 3 * 2 + 1))
  }

  @Test("prevotes alone decide nothing")
  func prevotesDecideNothing() throws {
    var committee = Committee()
    let id = try #require(try committee.propose(committee.proposal()).blockId)
    for index in 0..<4 {
      _ = try committee.chain.submit(committee.vote(.prevote, by: index, for: id.hash))
    }
    #expect(committee.chain.height == 1)
  }

  @Test("precommits for different blocks decide nothing")
  func splitPrecommits() throws {
    var committee = Committee()
    let id = try #require(try committee.propose(committee.proposal()).blockId)
    for index in 0..<4 {
      let block = index < 2 ? id.hash : hash(9)
      _ = try committee.chain.submit(committee.vote(.precommit, by: index, for: block))
    }
    #expect(committee.chain.height == 1)
  }

  @Test("a block that arrives after its precommits is decided at once")
  func lateProposal() throws {
    var committee = Committee()
    let proposal = committee.proposal()
    let hash = try #require(proposal.block?.id.hash)
    for index in 0..<4 {
      _ = try committee.chain.submit(committee.vote(.precommit, by: index, for: hash))
    }
    #expect(committee.chain.height == 1)
    #expect(committee.chain.round == 1)
    #expect(try committee.propose(proposal).verdict == .accept)
    #expect(committee.chain.height == 2)
  }

  @Test("a decision becomes the head, is told of, and leaves a certificate that proves it")
  func decision() throws {
    var committee = Committee()
    let id = try committee.decide()
    #expect(committee.chain.head.id == id)
    #expect(committee.chain.status.height == 1)
    #expect(committee.chain.status.lastBlockHash == id.hash)
    #expect(committee.chain.takeEvents().last?.event == .newBlock(id))
    let commit = try #require(committee.chain.blocks[1]?.commit)
    let check = try CommitCheck(commit, validators: committee.chain.validators, chainID: "test")
    #expect(check.isProof)
    #expect(check.signedPower == 30)
  }

  @Test("the next block carries the certificate of its parent")
  func lastCommit() throws {
    var committee = Committee()
    try committee.decide()
    #expect(committee.proposal().block?.lastCommit == committee.chain.blocks[1]?.commit)
    try committee.decide()
    #expect(committee.chain.height == 3)
  }

  @Test("a round in which two thirds precommitted nothing ends, and says so")
  func nilRoundEnds() throws {
    var committee = Committee()
    for index in 0..<3 {
      #expect(committee.chain.round == 0)
      _ = try committee.chain.submit(committee.vote(.precommit, by: index, for: []))
    }
    #expect(committee.chain.round == 1)
    let timeout = ConsensusEvent.RoundTimeout.with { $0.step = "precommit" }
    #expect(committee.chain.takeEvents().last?.event == .timeout(timeout))
  }

  @Test("a late precommit still decides a round that has ended")
  func lateDecision() throws {
    var committee = Committee()
    let id = try #require(try committee.propose(committee.proposal()).blockId)
    _ = try committee.chain.submit(committee.vote(.precommit, by: 0, for: []))
    _ = try committee.chain.submit(committee.vote(.precommit, by: 1, for: id.hash))
    _ = try committee.chain.submit(committee.vote(.precommit, by: 2, for: id.hash))
    #expect(committee.chain.round == 1)
    _ = try committee.chain.submit(committee.vote(.precommit, by: 3, for: id.hash))
    #expect(committee.chain.height == 2)
    #expect(committee.chain.round == 0)
  }

  @Test(
    "a node follows two thirds of the committee into a later round",
    arguments: [VoteType.prevote, .precommit]
  )
  func roundSkip(type: VoteType) throws {
    var committee = Committee()
    for index in 0..<3 {
      #expect(committee.chain.round == 0)
      _ = try committee.chain.submit(committee.vote(type, by: index, for: hash(1), round: 3))
    }
    #expect(committee.chain.round == 3)
  }

  @Test("prevotes of the current round do not end it")
  func prevotesEndNoRound() throws {
    var committee = Committee()
    for index in 0..<4 {
      _ = try committee.chain.submit(committee.vote(.prevote, by: index, for: []))
    }
    #expect(committee.chain.round == 0)
  }

  @Test("rounds that lie too far back are dropped, and their votes refused")
  func oldRoundsAreDropped() throws {
    var limits = ChainLimits()
    limits.keptRounds = 2
    var committee = Committee(limits: limits)
    for round in 0..<3 as Range<UInt32> {
      for index in 0..<3 {
        _ = try committee.chain.submit(committee.vote(.precommit, by: index, for: [], round: round))
      }
    }
    #expect(committee.chain.round == 3)
    #expect(committee.chain.books[1]?.rounds.keys.sorted() == [1, 2])
    let refusal = #expect(throws: ChainRefusal.self) {
      try committee.chain.submit(committee.vote(.prevote, by: 0, for: []))
    }
    #expect(refusal?.message == "vote.round 0 is over: this node is in round 3")
  }

  @Test("status tells the power that voted in each round, each validator once")
  func powerByRound() throws {
    var committee = Committee(powers: [1, 2, 4, 8, 100])
    _ = try committee.chain.submit(committee.vote(.prevote, by: 0, for: hash(1)))
    _ = try committee.chain.submit(committee.vote(.precommit, by: 0, for: hash(1)))
    _ = try committee.chain.submit(committee.vote(.prevote, by: 1, for: []))
    _ = try committee.chain.submit(committee.vote(.prevote, by: 3, for: hash(1), round: 2))
    #expect(committee.chain.status.powerByRound == [0: 3, 2: 8])
  }

  @Test("votes of old heights and blocks of older ones are dropped")
  func pruning() throws {
    var limits = ChainLimits()
    limits.keptBlocks = 3
    limits.keptVoteHeights = 2
    var committee = Committee(limits: limits)
    for _ in 0..<6 {
      try committee.decide()
    }
    #expect(committee.chain.blocks.oldestHeight == 4)
    #expect(
      committee.chain.blocks[3] == nil && committee.chain.blocks[4] != nil && committee.chain.blocks[7] == nil
    )
    #expect(committee.chain.books.keys.sorted() == [5, 6, 7])
    let refusal = #expect(throws: ChainRefusal.self) {
      try committee.chain.submit(committee.vote(.precommit, by: 0, for: hash(1), height: 4))
    }
    #expect(refusal?.message == "vote.height 4 is over: this node decides height 7")
  }

  @Test("two chains with the same inputs are in the same state")
  func determinism() throws {
    var first = Committee()
    var second = Committee()
    for _ in 0..<20 {
      #expect(try first.decide() == second.decide())
    }
    #expect(first.chain.head.header == second.chain.head.header)
  }
}
