import Bulwark
import BulwarkProtobuf
import Testing

@testable import ConsensusService

@Suite struct LoneNodeTests {
  private let fixture = NodeFixture()

  @Test("a node decides alone, block after block")
  func decidesAlone() async throws {
    for _ in 0..<5 {
      try self.fixture.node.decideAlone([[1]])
    }
    #expect(try await self.fixture.client.getStatus(GetStatusRequest()).height == 5)
  }

  @Test("a proposal of somebody else is the one that is decided")
  func foreignProposal() async throws {
    let proposal = self.fixture.proposal([[7]])
    _ = try await self.fixture.client.proposeBlock(proposal)
    try self.fixture.node.decideAlone([[1]])
    #expect(
      try await self.fixture.client.getStatus(GetStatusRequest()).lastBlockHash == proposal.block?.id.hash
    )
  }

  @Test("validators that have voted otherwise are left alone, and the next round decides")
  func foreignVotes() async throws {
    let events = self.fixture.client.subscribeEvents(SubscribeEventsRequest())
    for index in 0..<2 as Range<UInt32> {
      _ = try await self.fixture.submit(self.fixture.vote(.precommit, by: index, for: []))
    }
    try self.fixture.node.decideAlone([[1]])
    #expect(try await self.fixture.client.getStatus(GetStatusRequest()).round == 1)
    try self.fixture.node.decideAlone([[1]])
    #expect(try await self.fixture.client.getStatus(GetStatusRequest()).height == 1)
    var iterator = events.makeAsyncIterator()
    let timeout = ConsensusEvent.RoundTimeout.with { $0.step = "precommit" }
    #expect(try await iterator.next()?.event == .timeout(timeout))
  }

  @Test("nobody proposes for a validator whose key is not at hand")
  func withoutKey() {
    #expect(self.fixture.node.proposal([[1]]) { _ in nil } == nil)
  }
}
