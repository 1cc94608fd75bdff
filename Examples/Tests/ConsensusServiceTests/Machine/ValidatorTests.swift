import BulwarkProtobuf
import Testing

@testable import ConsensusService

@Suite struct ValidatorTests {
  private func request(index: UInt32, power: UInt64 = 10) -> RegisterValidatorRequest {
    let key = MockKey(chainID: "test", index: index)
    return RegisterValidatorRequest.with {
      let validator = Validator.with {
        $0.address = key.address
        $0.publicKey = key.publicKey
        $0.votingPower = power
        $0.moniker = "new"
      }
      $0.validator = validator
      $0.proofOfPossession = validator.proofOfPossession(chainID: "test")
      $0.labels = ["region": "north"]
    }
  }

  @Test("a new validator gets the next index, and is active two heights later")
  func registered() throws {
    var committee = Committee()
    let answer = try committee.chain.register(self.request(index: 4))
    #expect(answer.validatorIndex == 4)
    #expect(answer.activationHeight == 3)
    #expect(committee.chain.registry.set(at: 2).validators.count == 4)
    #expect(committee.chain.registry.set(at: 3).validators.count == 5)
    try committee.decide()
    try committee.decide()
    #expect(committee.chain.validators.totalPower == 50)
  }

  @Test("the same registration again gets the same answer, also later")
  func idempotent() throws {
    var committee = Committee()
    let first = try committee.chain.register(self.request(index: 4))
    try committee.decide()
    #expect(try committee.chain.register(self.request(index: 4)) == first)
    #expect(committee.chain.registry.set(at: 100).validators.count == 5)
  }

  @Test("the same key with other values is ALREADY_EXISTS")
  func conflicting() throws {
    var committee = Committee()
    _ = try committee.chain.register(self.request(index: 4))
    var other = self.request(index: 4)
    other.labels = [:]
    for request in [self.request(index: 4, power: 11), other, self.request(index: 0, power: 11)] {
      let refusal = #expect(throws: ChainRefusal.self) { try committee.chain.register(request) }
      #expect(refusal?.reason == .alreadyExists)
    }
  }

  @Test("there is a last place")
  func full() throws {
    var limits = ChainLimits()
    limits.maxValidators = 5
    var committee = Committee(limits: limits)
    _ = try committee.chain.register(self.request(index: 4))
    #expect(throws: ChainRefusal(.resourceExhausted, "there are 5 validators, which is the limit")) {
      try committee.chain.register(self.request(index: 5))
    }
    #expect(try committee.chain.register(self.request(index: 4)).validatorIndex == 4)
  }

  @Test(
    "a wrong field is named, with its rule and its value",
    arguments: [
      WrongInput("validator is missing") { $0.validator = nil },
      WrongInput("validator.public_key must be 32 or 48 bytes, got 1") { $0.validator?.publicKey = [1] },
      WrongInput("validator.address must be 20 bytes, got 0") { $0.validator?.address = [] },
      WrongInput("validator.address is not the address of validator.public_key") {
        $0.validator?.address[0] ^= 1
      },
      WrongInput("validator.voting_power must be 1 to 1000000000, got 0") { $0.validator?.votingPower = 0 },
      WrongInput("validator.voting_power must be 1 to 1000000000, got 1000000001") {
        $0.validator?.votingPower = 1_000_000_001
      },
      WrongInput("validator.moniker must hold at most 64 bytes, got 66") {
        $0.validator?.moniker = String(repeating: "é", count: 33)
      },
      WrongInput("proof_of_possession must be 64 bytes, got 0") { $0.proofOfPossession = [] },
      WrongInput("proof_of_possession does not verify for validator.public_key") {
        $0.proofOfPossession[5] ^= 1
      },
      WrongInput("proof_of_possession does not verify for validator.public_key") {
        $0.validator?.votingPower = 11
      },
      WrongInput("labels[\"k\"] must hold at most 256 bytes, got 257") {
        $0.labels["k"] = String(repeating: "v", count: 257)
      },
      WrongInput("a name in labels must hold at most 64 bytes, got 65") {
        $0.labels = [String(repeating: "k", count: 65): ""]
      },
      WrongInput("labels must hold at most 16 labels, got 18") { request in
        (0..<17).forEach { request.labels["\($0)"] = "" }
      },
    ] as [WrongInput<RegisterValidatorRequest>]
  )
  func wrongFields(wrong: WrongInput<RegisterValidatorRequest>) {
    var committee = Committee()
    var request = self.request(index: 4)
    wrong.spoil(&request)
    #expect(throws: wrong.refusal) { try committee.chain.register(request) }
  }

  @Test("a set comes in pages that the server bounds, each validator once and in order")
  func pages() throws {
    var limits = ChainLimits()
    limits.maxPageSize = 3
    let chain = Committee(powers: [1, 2, 3, 4, 5, 6, 7], limits: limits).chain
    var powers: [UInt64] = []
    var sizes: [Int] = []
    var request = GetValidatorSetRequest.with { $0.pageSize = 100 }
    repeat {
      let page = try chain.validatorSet(request)
      #expect(page.height == 1)
      powers += page.validators.map(\.votingPower)
      sizes.append(page.validators.count)
      request.pageToken = page.nextPageToken
    } while !request.pageToken.isEmpty
    #expect(powers == [1, 2, 3, 4, 5, 6, 7])
    #expect(sizes == [3, 3, 1])
  }

  @Test("a page that ends with the last validator is the last one")
  func lastPage() throws {
    let chain = Committee().chain
    #expect(try chain.validatorSet(.with { $0.pageSize = 4 }).nextPageToken.isEmpty)
    #expect(try !chain.validatorSet(.with { $0.pageSize = 3 }).nextPageToken.isEmpty)
  }

  @Test("pages stay those of their height while the chain goes on")
  func pagesKeepTheirHeight() throws {
    var committee = Committee()
    let first = try committee.chain.validatorSet(.with { $0.pageSize = 3 })
    try committee.decide()
    let second = try committee.chain.validatorSet(.with { $0.pageToken = first.nextPageToken })
    #expect(second.height == 1)
    #expect(second.validators.count == 1)
    let refusal = #expect(throws: ChainRefusal.self) {
      try committee.chain.validatorSet(
        .with {
          $0.height = 2; $0.pageToken = first.nextPageToken
        }
      )
    }
    #expect(refusal?.message == "page_token is of height 1, the request of height 2")
  }

  @Test(
    "a token that this chain did not make is refused",
    arguments: ["x", "1-2-3", "1-3-0000000000000000", "--", "1-2"]
  )
  func forgedTokens(token: String) {
    let chain = Committee().chain
    #expect(throws: ChainRefusal(.invalidArgument, "page_token was not made by this service")) {
      try chain.validatorSet(.with { $0.pageToken = token })
    }
  }

  @Test("a height that has not come is OUT_OF_RANGE")
  func laterHeight() {
    let chain = Committee().chain
    let refusal = #expect(throws: ChainRefusal.self) { try chain.validatorSet(.with { $0.height = 2 }) }
    #expect(refusal?.reason == .outOfRange)
  }
}
