import BulwarkProtobuf
import Testing

@testable import ConsensusService

@Suite struct ProposalTests {
  @Test("a sound proposal is accepted, and can be asked for")
  func accepted() throws {
    var committee = Committee()
    let proposal = committee.proposal()
    let answer = try committee.propose(proposal)
    #expect(answer.verdict == .accept)
    #expect(answer.blockId == proposal.block?.id)
    let request = GetProposalRequest.with { $0.height = 1 }
    #expect(try committee.chain.proposal(request).proposal == proposal)
  }

  @Test("the same proposal again gets the same answer, also once it is decided")
  func idempotent() throws {
    var committee = Committee()
    let proposal = committee.proposal()
    let first = try committee.propose(proposal)
    #expect(try committee.propose(proposal) == first)
    for index in 0..<3 {
      _ = try committee.chain.submit(committee.vote(.precommit, by: index, for: first.blockId?.hash ?? []))
    }
    #expect(committee.chain.height == 2)
    #expect(try committee.propose(proposal) == first)
    #expect(committee.chain.height == 2)
  }

  @Test("a second block of the same proposer is refused with evidence, and the first stays")
  func conflict() throws {
    var committee = Committee()
    let first = committee.proposal()
    let second = committee.proposal([[9]])
    try committee.propose(first)
    let refusal = #expect(throws: ChainRefusal.self) { try committee.propose(second) }
    #expect(refusal?.reason == .failedPrecondition)
    let evidence = try #require(refusal?.evidence)
    #expect(
      evidence
        == .invalidProposal(try #require(second.block?.id), reason: "a second block for height 1, round 0")
    )
    #expect(committee.chain.takeEvents().map(\.event) == [.evidence(evidence)])
    #expect(try committee.chain.proposal(.with { $0.height = 1 }).proposal == first)
  }

  @Test("each round has its own proposal")
  func rounds() throws {
    var committee = Committee()
    try committee.propose(committee.proposal())
    #expect(try committee.propose(committee.proposal(round: 1)).verdict == .accept)
    #expect(
      try committee.chain.proposal(
        .with {
          $0.height = 1; $0.round = 1
        }
      ).proposal != nil
    )
  }

  @Test("a proposal that is not here is NOT_FOUND, and height 0 is wrong")
  func unknownProposal() {
    let chain = Committee().chain
    #expect(throws: ChainRefusal(.notFound, "there is no proposal for height 1, round 0 at this node")) {
      try chain.proposal(.with { $0.height = 1 })
    }
    #expect(throws: ChainRefusal(.invalidArgument, "height must be at least 1, got 0")) {
      try chain.proposal(GetProposalRequest())
    }
  }

  @Test(
    "a wrong field is named, with its rule and its value",
    arguments: [
      WrongInput("block is missing") { $0.block = nil },
      WrongInput("block.header is missing") { $0.block?.header = nil },
      WrongInput("block.header.chain_id must be \"test\", got \"other\"") {
        $0.block?.header?.chainId = "other"
      },
      WrongInput("block.header.height must be at least 1, got 0") { $0.block?.header?.height = 0 },
      WrongInput("block.header.parent is missing") { $0.block?.header?.parent = nil },
      WrongInput("block.header.parent.hash must be 32 bytes, got 1") { $0.block?.header?.parent?.hash = [1] },
      WrongInput("block.header.txs_root must be 32 bytes, got 0") { $0.block?.header?.txsRoot = [] },
      WrongInput("block.header.state_root must be 32 bytes, got 0") { $0.block?.header?.stateRoot = [] },
      WrongInput("block.header.validators_hash must be 32 bytes, got 0") {
        $0.block?.header?.validatorsHash = []
      },
      WrongInput("block.header.proposer_address must be 20 bytes, got 0") {
        $0.block?.header?.proposerAddress = []
      },
      WrongInput("signature must be 64 bytes, got 3") { $0.signature = [1, 2, 3] },
      WrongInput("pol_round must be -1 (none) or below round 0, got -2") { $0.polRound = -2 },
      WrongInput("pol_round must be -1 (none) or below round 0, got 0") { $0.polRound = 0 },
      WrongInput("block.evidence must hold at most 16 pieces, got 17") {
        $0.block?.evidence = [Evidence](repeating: Evidence(), count: 17)
      },
      WrongInput("block.txs must hold at most 10000 transactions, got 10001") {
        $0.block?.txs = [[UInt8]](repeating: [], count: 10_001)
      },
    ] as [WrongInput<ProposeBlockRequest>]
  )
  func wrongFields(wrong: WrongInput<ProposeBlockRequest>) {
    var committee = Committee()
    var proposal = committee.proposal()
    wrong.spoil(&proposal)
    #expect(throws: wrong.refusal) { try committee.propose(proposal) }
  }

  @Test("a wrong name of a chain is echoed only in part, however it is written")
  func longChainID() {
    var committee = Committee()
    var proposal = committee.proposal()
    proposal.block?.header?.chainId = "e" + String(repeating: "\u{301}", count: 100_000)
    let refusal = #expect(throws: ChainRefusal.self) { try committee.propose(proposal) }
    #expect(refusal.map { $0.message.utf8.count < 200 } == true)
  }

  @Test("fields that the schema does not know are counted in a block, and not kept of a proposal")
  func unknownFields() throws {
    var committee = Committee()
    // Field 99, length-delimited: 0x9a 0x06, then its length.
    let unknown: [UInt8] = [0x9a, 0x06, 0x03, 1, 2, 3]
    let known = try committee.proposal().serializedBytes()
    try committee.propose(ProposeBlockRequest(serializedBytes: known + unknown))
    #expect(try committee.chain.proposal(.with { $0.height = 1 }).proposal?.serializedBytes() == known)

    var limits = ChainLimits()
    limits.maxEncodedBytes = 1_000
    var small = Committee(limits: limits)
    var proposal = small.proposal()
    let block = try #require(try proposal.block?.serializedBytes())
    proposal.block = try Block(
      serializedBytes: block + [0x9a, 0x06, 0xe8, 0x07] + [UInt8](repeating: 0, count: 1_000)
    )
    let refusal = #expect(throws: ChainRefusal.self) { try small.propose(proposal) }
    #expect(refusal?.message == "block must be at most 1000 bytes, got \(block.count + 1_004)")
  }

  @Test("a block of exactly one MiB is accepted, one byte more is not")
  func size() throws {
    var committee = Committee()
    let half = [UInt8](repeating: 7, count: 524_288)
    let refusal = #expect(throws: ChainRefusal.self) {
      try committee.propose(committee.proposal([half, half, [1]]))
    }
    #expect(refusal?.message == "block.txs must hold at most 1048576 bytes, got 1048577")
    #expect(try committee.propose(committee.proposal([half, half])).verdict == .accept)
  }

  @Test("a proposal for another height, parent or round, or out of turn, does not fit")
  func wrongPlace() {
    var committee = Committee()
    let expectations: [(ProposeBlockRequest, String)] = [
      (
        committee.proposal { $0.height = 2 },
        "block.header.height 2 is not the height being decided, 1"
      ),
      (
        committee.proposal { $0.parent?.hash = hash(3) },
        "block.header.parent is not the block of height 0"
      ),
      (
        committee.proposal { $0.round = 5 },
        "block.header.round 5 is ahead: rounds up to 4 are taken now"
      ),
      (
        committee.proposal { $0.proposerAddress = MockKey(chainID: "test", index: 3).address },
        "block.header.proposer_address is not that of validator 0, whose turn height 1, round 0 is"
      ),
    ]
    for (proposal, message) in expectations {
      #expect(throws: ChainRefusal(.failedPrecondition, message)) { try committee.propose(proposal) }
    }
    #expect(committee.chain.takeEvents().isEmpty)
  }

  @Test("a proposal that another validator signed is refused")
  func wrongSignature() {
    var committee = Committee()
    let proposal = committee.proposal().signed(by: committee.keys[1])
    #expect(
      throws: ChainRefusal(.invalidArgument, "signature does not verify for validator 0, the proposer")
    ) { try committee.propose(proposal) }
  }

  @Test(
    "content that cannot be right is rejected with the reason, and told of",
    arguments: [
      WrongInput("txs_root is not the root over the transactions") { $0.txsRoot = hash(1) },
      WrongInput("state_root is not the state after the transactions") { $0.stateRoot = hash(1) },
      WrongInput("validators_hash is not that of height 1") { $0.validatorsHash = hash(1) },
      WrongInput("timestamp_ns is not after that of the parent") { $0.timestampNs = 0 },
      WrongInput("timestamp_ns lies too far in the future") {
        $0.timestampNs = Committee.now + 10_000_000_001
      },
    ] as [WrongInput<BlockHeader>]
  )
  func wrongContent(wrong: WrongInput<BlockHeader>) throws {
    var committee = Committee()
    let proposal = committee.proposal(changing: wrong.spoil)
    let answer = try committee.propose(proposal)
    #expect(answer.verdict == .reject)
    #expect(answer.reason == wrong.message)
    let id = try #require(proposal.block?.id)
    #expect(
      committee.chain.takeEvents().map(\.event) == [.evidence(.invalidProposal(id, reason: wrong.message))]
    )
    #expect(try committee.propose(committee.proposal()).verdict == .accept)
  }

  @Test("a timestamp at the very end of what is allowed is accepted")
  func clockDrift() throws {
    var committee = Committee()
    let proposal = committee.proposal { $0.timestampNs = Committee.now + 10_000_000_000 }
    #expect(try committee.propose(proposal).verdict == .accept)
  }

  @Test("a proposal that was run on an old state is refused, not rejected")
  func movedOn() throws {
    var committee = Committee()
    let early = try CheckedProposal(
      committee.proposal(),
      chainID: "test",
      parentStateRoot: hash(1),
      limits: ChainLimits()
    )
    #expect(throws: ChainRefusal.self) { try committee.chain.propose(early, now: Committee.now) }
    #expect(committee.chain.takeEvents().isEmpty)
  }

  @Test("a last commit that proves something else, or nothing, is rejected")
  func lastCommit() throws {
    var committee = Committee()
    try committee.decide()
    var proposal = committee.proposal()
    proposal.block?.lastCommit?.signatures.removeLast()
    #expect(try committee.propose(proposal).reason == "last_commit does not prove the parent")
    proposal = committee.proposal()
    proposal.block?.lastCommit?.height = 2
    #expect(try committee.propose(proposal).reason == "last_commit is not for the parent")
    proposal = committee.proposal()
    proposal.block?.lastCommit = nil
    #expect(try committee.propose(proposal).verdict == .accept)
  }

  @Test("the first block has no last commit")
  func firstLastCommit() throws {
    var committee = Committee()
    var proposal = committee.proposal()
    proposal.block?.lastCommit = CommitCertificate()
    #expect(try committee.propose(proposal).reason == "last_commit is there, but the parent is the genesis")
  }

  @Test("a later proof-of-lock round than the proposal's is wrong, an earlier one is right")
  func polRound() throws {
    var committee = Committee()
    var proposal = committee.proposal(round: 2)
    proposal.polRound = 1
    let signed = proposal.signed(by: committee.keys[committee.proposer(round: 2)])
    #expect(try committee.propose(signed).verdict == .accept)
  }
}
