import Testing

@testable import ConsensusService

@Suite struct EvidenceTests {
  private func caught() throws -> (committee: Committee, first: Vote, second: Vote) {
    var committee = Committee()
    let first = committee.vote(.prevote, by: 3, for: hash(1))
    let second = committee.vote(.prevote, by: 3, for: hash(2))
    _ = try committee.chain.submit(first)
    #expect(throws: ChainRefusal.self) { try committee.chain.submit(second) }
    return (committee, first, second)
  }

  @Test("the next block records a double vote, which then no longer waits")
  func recorded() throws {
    var (committee, first, second) = try self.caught()
    #expect(committee.proposal().block?.evidence == [.duplicateVote(first, second)])
    try committee.decide()
    #expect(committee.chain.blocks[1]?.block.evidence.count == 1)
    #expect(committee.chain.pendingEvidence.isEmpty)
  }

  @Test(
    "a block with evidence that proves nothing is rejected",
    arguments: [
      WrongInput("evidence is not of a past vote") { $0.kind = nil },
      WrongInput("evidence is not of a past vote") { $0.kind = .invalidProposal(.init()) },
      WrongInput("evidence is not of a past vote") { $0.changePair { $0.first?.height = 2 } },
      WrongInput("evidence holds no pair of votes") { $0.changePair { $0.second = nil } },
      WrongInput("evidence holds two votes that do not conflict") { $0.changePair { $0.second = $0.first } },
      WrongInput("evidence holds two votes that do not conflict") { $0.changePair { $0.second?.round = 1 } },
      WrongInput("evidence accuses validator 9, which does not exist") {
        $0.changePair {
          $0.first?.validatorIndex = 9
          $0.second?.validatorIndex = 9
        }
      },
      WrongInput("evidence holds a vote whose signature does not verify") {
        $0.changePair { $0.second?.signature[0] ^= 1 }
      },
    ] as [WrongInput<Evidence>]
  )
  func proofless(wrong: WrongInput<Evidence>) throws {
    var (committee, first, second) = try self.caught()
    var proposal = committee.proposal()
    proposal.block?.evidence = [wrong.spoiling(.duplicateVote(first, second))]
    let answer = try committee.propose(proposal)
    #expect(answer.verdict == .reject)
    #expect(answer.reason == wrong.message)
  }
}

extension Evidence {
  fileprivate mutating func changePair(_ change: (inout DuplicateVote) -> Void) {
    guard case .duplicateVote(var pair) = self.kind else { return }
    change(&pair)
    self.kind = .duplicateVote(pair)
  }
}
