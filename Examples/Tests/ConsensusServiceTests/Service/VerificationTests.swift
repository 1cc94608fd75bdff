import Bulwark
import BulwarkProtobuf
import Testing

@testable import ConsensusService

@Suite struct VerificationTests {
  private let fixture = NodeFixture()

  @Test("a sound block is accepted, with its state, gas and time when it was executed")
  func sound() async throws {
    let block = self.fixture.proposal([[1], [2, 3]]).block
    let quick = try await self.fixture.client.verifyBlock(.with { $0.block = block })
    #expect(quick.verdict == .accept)
    #expect(quick.stateRoot.isEmpty && quick.gasUsed == 0)
    let full = try await self.fixture.client.verifyBlock(
      .with {
        $0.block = block; $0.fullExecution = true
      }
    )
    #expect(full.verdict == .accept)
    #expect(full.stateRoot == block?.header?.stateRoot)
    #expect(full.gasUsed == 42_048)
    // The clock is read when the call begins and when it ends, and a millisecond passes between.
    #expect(full.verifySeconds == 0.001)
  }

  @Test("a block whose transactions, parent or state are not what it says is rejected", arguments: 0..<4)
  func unsound(changed: Int) async throws {
    var block = try #require(self.fixture.proposal().block)
    let reason: String
    switch changed {
    case 0:
      block.txs[1] = [9]
      reason = "txs_root is not the root over the transactions"
    case 1:
      block.txs.append([4])
      reason = "txs_root is not the root over the transactions"
    case 2:
      block.header?.parent?.hash = hash(1)
      reason = "parent is not the block of height 0"
    default:
      block.header?.stateRoot = hash(1)
      reason = "state_root is not the state after the transactions"
    }
    let answer = try await self.fixture.client.verifyBlock(
      .with {
        $0.block = block; $0.fullExecution = true
      }
    )
    #expect(answer.verdict == .reject)
    #expect(answer.reason == reason)
  }

  @Test("the state root is looked at only when the block is executed")
  func notExecuted() async throws {
    var block = try #require(self.fixture.proposal().block)
    block.header?.stateRoot = hash(1)
    #expect(try await self.fixture.client.verifyBlock(.with { $0.block = block }).verdict == .accept)
  }

  @Test("a block can be verified on every parent that is kept, and on no other")
  func parents() async throws {
    let first = try await self.fixture.decide()
    let second = try await self.fixture.decide()
    for block in [first, second] {
      #expect(try await self.fixture.client.verifyBlock(.with { $0.block = block }).verdict == .accept)
    }
    var orphan = second
    orphan.header?.height = 4
    let error = await #expect(throws: RPCError.self) {
      try await self.fixture.client.verifyBlock(.with { $0.block = orphan })
    }
    #expect(error?.code == .failedPrecondition)
  }

  @Test("verification stops between two transactions when its budget is used up")
  func budget() async throws {
    let block = self.fixture.proposal((0..<10).map { [$0] }).block
    let request = VerifyBlockRequest.with {
      $0.block = block
      $0.budgetMs = 4
    }
    let error = await #expect(throws: RPCError.self) { try await self.fixture.client.verifyBlock(request) }
    #expect(error?.code == .deadlineExceeded)
    #expect(error?.message == "budget_ms 4 was used up after 3 of 10 transactions")
    let enough = try await self.fixture.client.verifyBlock(
      .with {
        $0.block = block; $0.budgetMs = 11
      }
    )
    #expect(enough.verdict == .accept)
  }

  @Test("verification stops when its caller has gone")
  func cancelled() async throws {
    let block = self.fixture.proposal().block
    let task = Task {
      withUnsafeCurrentTask { $0?.cancel() }
      return try await self.fixture.client.verifyBlock(.with { $0.block = block })
    }
    let error = await #expect(throws: RPCError.self) { try await task.value }
    #expect(error?.code == .cancelled)
  }

  @Test("a certificate is checked against the validators of the request, or the node's own")
  func commits() async throws {
    try await self.fixture.decide()
    let commit = try #require(self.fixture.proposal().block?.lastCommit)
    let own = try await self.fixture.client.verifyCommit(.with { $0.commit = commit })
    #expect(own.verdict == .accept)
    #expect(own.signedPower == 30)
    var validators = try await self.fixture.client.getValidatorSet(GetValidatorSetRequest()).validators
    validators[1].publicKey = hash(1)
    let given = try await self.fixture.client.verifyCommit(
      .with {
        $0.commit = commit; $0.validators = validators
      }
    )
    #expect(given.verdict == .reject)
    #expect(given.badSigners == [1])
    #expect(given.signedPower == 20)
  }

  @Test("a request without a block or a certificate is INVALID_ARGUMENT")
  func missing() async {
    let block = await #expect(throws: RPCError.self) {
      try await self.fixture.client.verifyBlock(VerifyBlockRequest())
    }
    #expect(block?.message == "block is missing")
    let commit = await #expect(throws: RPCError.self) {
      try await self.fixture.client.verifyCommit(VerifyCommitRequest())
    }
    #expect(commit?.message == "commit is missing")
  }
}
