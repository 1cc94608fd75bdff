import BulwarkProtobuf
import Testing

@testable import ConsensusService

@Suite struct DutyTests {
  @Test("validators propose in proportion to their power")
  func proportion() {
    let set = Committee(powers: [1, 2, 5]).chain.validators
    var rotation = ProposerRotation()
    var turns = [0, 0, 0]
    for _ in 0..<80 {
      turns[Int(rotation.step(set))] += 1
    }
    #expect(turns == [10, 20, 50])
  }

  @Test("equal validators take turns by index")
  func turns() {
    let set = Committee().chain.validators
    var rotation = ProposerRotation()
    #expect((0..<8).map { _ in rotation.step(set) } == [0, 1, 2, 3, 0, 1, 2, 3])
  }

  @Test("the proposer of round r is that of r steps further")
  func laterRounds() {
    let set = Committee().chain.validators
    let rotation = ProposerRotation()
    #expect((0..<5).map { rotation.proposer(round: $0, of: set) } == [0, 1, 2, 3, 0])
  }

  @Test("a new validator waits for its first turn behind all others")
  func newcomer() {
    var rotation = ProposerRotation()
    rotation.step(Committee().chain.validators)
    let five = Committee(powers: [10, 10, 10, 10, 10]).chain.validators
    #expect((0..<4).map { _ in rotation.step(five) } == [1, 2, 3, 0])
  }

  @Test("powers at the edge of 64 bits neither trap nor lose a turn")
  func hugePowers() {
    let set = Committee(powers: [.max, .max]).chain.validators
    var rotation = ProposerRotation()
    for _ in 0..<10 {
      #expect(rotation.step(set) < 2)
    }
  }

  @Test("duties name every height of the epoch, and who proposes is who may")
  func dutiesHold() throws {
    var limits = ChainLimits()
    limits.epochLength = 6
    var committee = Committee(powers: [10, 20, 30, 40], limits: limits)
    let indices: [UInt32] = [0, 1, 2, 3]
    for epoch in 0..<2 as Range<UInt64> {
      let now = try committee.chain.duties(
        .with {
          $0.epoch = epoch; $0.validatorIndices = indices
        }
      )
      let next = try committee.chain.duties(
        .with {
          $0.epoch = epoch + 1; $0.validatorIndices = indices
        }
      )
      #expect(now.duties.filter(\.isProposer).count == 6)
      #expect(now.duties.filter { !$0.isProposer }.allSatisfy { $0.attestHeights.count == 6 })
      for _ in 0..<6 {
        let duty = now.duties.first { $0.isProposer && $0.height == committee.chain.height }
        #expect(duty?.validatorIndex == UInt32(committee.proposer()))
        try committee.decide()
      }
      #expect(
        try committee.chain.duties(
          .with {
            $0.epoch = epoch + 1; $0.validatorIndices = indices
          }
        ) == next
      )
    }
  }

  @Test("a registration changes the root that duties depend on, and adds duties from the activation on")
  func dependentRoot() throws {
    var committee = Committee()
    let request = GetDutiesRequest.with { $0.validatorIndices = [0] }
    let before = try committee.chain.duties(request)
    let key = MockKey(chainID: "test", index: 9)
    let validator = Validator.with {
      $0.address = key.address
      $0.publicKey = key.publicKey
      $0.votingPower = 1
    }
    _ = try committee.chain.register(
      .with {
        $0.validator = validator
        $0.proofOfPossession = validator.proofOfPossession(chainID: "test")
      }
    )
    #expect(try committee.chain.duties(request).dependentRoot != before.dependentRoot)
    let own = try committee.chain.duties(.with { $0.validatorIndices = [4] }).duties[0]
    #expect(own.height == 3)
    #expect(own.attestHeights == Array(3...16))
  }

  @Test(
    "a request that names nobody, too many, a stranger or another epoch is refused",
    arguments: [
      WrongInput("validator_indices must name a validator") { $0.validatorIndices = [] },
      WrongInput("validator_indices names validator 4, which does not exist") { $0.validatorIndices = [4] },
      WrongInput("validator_indices must hold at most 100 indices, got 101") {
        $0.validatorIndices = [UInt32](repeating: 0, count: 101)
      },
      WrongInput("epoch must be 0 (now) or 1 (next), got 2", .outOfRange) { $0.epoch = 2 },
      WrongInput("epoch must be 0 (now) or 1 (next), got 18446744073709551615", .outOfRange) {
        $0.epoch = .max
      },
    ] as [WrongInput<GetDutiesRequest>]
  )
  func wrongRequests(wrong: WrongInput<GetDutiesRequest>) {
    let chain = Committee().chain
    var request = GetDutiesRequest.with { $0.validatorIndices = [0] }
    wrong.spoil(&request)
    #expect(throws: wrong.refusal) { try chain.duties(request) }
  }
}
