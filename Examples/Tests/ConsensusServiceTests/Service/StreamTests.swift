import Bulwark
import BulwarkProtobuf
import Testing

@testable import ConsensusService

@Suite struct StreamTests {
  private let fixture = NodeFixture()

  private func acknowledgements(_ batches: VoteBatch..., on fixture: NodeFixture) async throws -> [VoteAck] {
    try await fixture.client.streamVotes { requests, responses in
      try await requests.write(contentsOf: batches)
      requests.finish()
      return try await responses.reduce(into: []) { $0.append($1) }
    }
  }

  @Test("each batch of votes is acknowledged with what was taken, what was not, and credit")
  func streamVotes() async throws {
    let first = VoteBatch.with {
      $0.sequence = 5
      $0.votes = [
        self.fixture.vote(.prevote, by: 0, for: hash(1)),
        self.fixture.vote(.prevote, by: 0, for: hash(1)),
        self.fixture.vote(.prevote, by: 0, for: hash(2)),
        Vote(),
      ]
    }
    let answers = try await self.acknowledgements(first, .with { $0.sequence = 9 }, on: self.fixture)
    #expect(answers.map(\.sequence) == [5, 9])
    #expect(answers.map(\.accepted) == [2, 0])
    #expect(answers.map(\.rejected) == [2, 0])
    #expect(answers.map(\.credit) == [64, 64])
  }

  @Test("open streams share the credit")
  func credit() async throws {
    let credits = try await self.fixture.client.streamVotes { requests, responses in
      var answers = responses.makeAsyncIterator()
      try await requests.write(.with { $0.sequence = 1 })
      let alone = try await answers.next()?.credit
      let other = try await self.acknowledgements(.with { $0.sequence = 1 }, on: self.fixture)
      try await requests.write(.with { $0.sequence = 2 })
      return [alone, other.first?.credit, try await answers.next()?.credit]
    }
    #expect(credits == [64, 32, 64])
  }

  @Test("the numbers of batches must rise", arguments: [3, 4] as [UInt64])
  func sequence(second: UInt64) async throws {
    let error = await #expect(throws: RPCError.self) {
      try await self.acknowledgements(
        .with { $0.sequence = 4 },
        .with { $0.sequence = second },
        on: self.fixture
      )
    }
    #expect(error?.message == "sequence must be above the last one, 4, got \(second)")
  }

  @Test("a batch has a bound")
  func batchBound() async throws {
    var limits = NodeLimits()
    limits.maxBatchVotes = 2
    let fixture = NodeFixture(limits: limits)
    let batch = VoteBatch.with { $0.votes = [Vote(), Vote(), Vote()] }
    let error = await #expect(throws: RPCError.self) { try await self.acknowledgements(batch, on: fixture) }
    #expect(error?.message == "votes must hold at most 2 votes, got 3")
  }

  @Test("a proposal that is uploaded in parts is proposed")
  func upload() async throws {
    let proposal = self.fixture.proposal([[UInt8](repeating: 1, count: 150_000)])
    let parts = try proposal.parts()
    let answer = try await self.fixture.client.uploadBlockParts {
      try await $0.write(contentsOf: parts.reversed())
    }
    #expect(parts.count == 3)
    #expect(answer.verdict == .accept)
    #expect(answer.blockId == proposal.block?.id)
    #expect(try await self.fixture.client.getProposal(.with { $0.height = 1 }).proposal == proposal)
  }

  @Test("parts that hold no proposal, or that of another place, are refused")
  func uploadOfSomethingElse() async throws {
    let garbage = BlockPart.with {
      $0.total = 1
      $0.data = [0xff]
    }
    let error = await #expect(throws: RPCError.self) {
      try await self.fixture.client.uploadBlockParts { try await $0.write(garbage) }
    }
    #expect(error?.code == .invalidArgument)
    #expect(error?.message.hasPrefix("data of the parts together is no ProposeBlockRequest") == true)
    var part = try self.fixture.proposal().parts()[0]
    part.height = 2
    let misplaced = part
    let other = await #expect(throws: RPCError.self) {
      try await self.fixture.client.uploadBlockParts { try await $0.write(misplaced) }
    }
    #expect(other?.message == "height and round of the parts are not those of the block in them")
  }

  @Test("a range of blocks is sent and then the call ends")
  func syncRange() async throws {
    for _ in 0..<3 {
      try await self.fixture.decide()
    }
    let request = SyncBlocksRequest.with {
      $0.fromHeight = 1
      $0.toHeight = 3
      $0.maxMessageBytes = 1
    }
    var heights: [UInt64?] = []
    for try await answer in self.fixture.client.syncBlocks(request) {
      heights += answer.blocks.map { $0.header?.height }
    }
    #expect(heights == [1, 2, 3])
  }

  @Test("a follower gets every block when it is decided, and UNAVAILABLE when the node stops")
  func followHead() async throws {
    var answers = self.fixture.client.syncBlocks(.with { $0.fromHeight = 1 }).makeAsyncIterator()
    for height in 1...5 as ClosedRange<UInt64> {
      try await self.fixture.decide()
      #expect(try await answers.next()?.blocks.map { $0.header?.height } == [height])
    }
    self.fixture.node.stopStreams()
    let error = await #expect(throws: RPCError.self) { try await answers.next() }
    #expect(error?.code == .unavailable)
  }

  @Test("a range that cannot be sent is refused with its code")
  func syncRefused() async throws {
    var answers = self.fixture.client.syncBlocks(.with { $0.fromHeight = 3 }).makeAsyncIterator()
    let error = await #expect(throws: RPCError.self) { try await answers.next() }
    #expect(error?.code == .outOfRange)
    #expect(self.fixture.node.withState { $0.subscribers.count } == 0)
  }
}
