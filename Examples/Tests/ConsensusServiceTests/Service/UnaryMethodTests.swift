import Bulwark
import BulwarkProtobuf
import Testing

@testable import ConsensusService

@Suite struct UnaryMethodTests {
  private let fixture = NodeFixture()

  @Test("a height is proposed, voted and decided through the service")
  func decidesAHeight() async throws {
    let block = try await self.fixture.decide()
    let status = try await self.fixture.client.getStatus(GetStatusRequest())
    #expect(status.height == 1)
    #expect(status.lastBlockHash == block.id.hash)
    let stored = try await self.fixture.client.getProposal(.with { $0.height = 1 })
    #expect(stored.proposal?.block == block)
  }

  @Test("a wrong field is INVALID_ARGUMENT with field, rule and value")
  func invalidArgument() async {
    let error = await #expect(throws: RPCError.self) {
      try await self.fixture.submit(self.fixture.vote(.unspecified, by: 0, for: []))
    }
    #expect(error?.code == .invalidArgument)
    #expect(error?.message == "vote.type must be PREVOTE or PRECOMMIT")
    let missing = await #expect(throws: RPCError.self) {
      try await self.fixture.client.submitVote(SubmitVoteRequest())
    }
    #expect(missing?.message == "vote is missing")
  }

  @Test("a conflicting vote is FAILED_PRECONDITION, with the evidence in the trailing metadata")
  func evidence() async throws {
    let first = self.fixture.vote(.prevote, by: 0, for: hash(1))
    let second = self.fixture.vote(.prevote, by: 0, for: hash(2))
    _ = try await self.fixture.submit(first)
    let error = try #require(await #expect(throws: RPCError.self) { try await self.fixture.submit(second) })
    #expect(error.code == .failedPrecondition)
    let bytes = try #require(error.metadata[binary: "evidence-bin"])
    #expect(try Evidence(serializedBytes: bytes) == .duplicateVote(first, second))
  }

  @Test("a refusal without evidence carries no metadata")
  func noEvidence() async {
    let error = await #expect(throws: RPCError.self) {
      try await self.fixture.client.getProposal(.with { $0.height = 9 })
    }
    #expect(error?.code == .notFound)
    #expect(error?.metadata.isEmpty == true)
  }

  @Test("each kind of refusal has its code")
  func codes() async {
    let client = self.fixture.client
    let existing = Validator.with {
      $0.publicKey = self.fixture.keys[0].publicKey
      $0.address = self.fixture.keys[0].address
      $0.votingPower = 11
    }
    let register = RegisterValidatorRequest.with {
      $0.validator = existing
      $0.proofOfPossession = existing.proofOfPossession(chainID: "test")
    }
    await #expect(throws: RPCError.self) { try await client.registerValidator(register) }
    let taken = await #expect(throws: RPCError.self) { try await client.registerValidator(register) }
    #expect(taken?.code == .alreadyExists)
    let range = await #expect(throws: RPCError.self) {
      try await client.getValidatorSet(.with { $0.height = 9 })
    }
    #expect(range?.code == .outOfRange)
  }

  @Test("validators and duties can be asked for")
  func reads() async throws {
    let set = try await self.fixture.client.getValidatorSet(GetValidatorSetRequest())
    #expect(set.validators.count == 4)
    let duties = try await self.fixture.client.getDuties(.with { $0.validatorIndices = [0] })
    #expect(duties.duties.first { $0.isProposer }?.height == 1)
  }

  @Test("the validators tell by their priorities whose turn it is")
  func proposerFromPriorities() async throws {
    try await self.fixture.decide()
    let set = ValidatorSet(try await self.fixture.client.getValidatorSet(GetValidatorSetRequest()).validators)
    #expect(set.proposer(round: 0) == 1)
    #expect(set.proposer(round: 3) == 0)
  }
}
