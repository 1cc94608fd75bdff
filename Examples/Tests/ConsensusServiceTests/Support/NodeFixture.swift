import Bulwark
import BulwarkProtobuf
import Synchronization

@testable import ConsensusService

/// A node with a client of it in memory, and a clock that goes on by one millisecond whenever it is read.
struct NodeFixture {
  let node: ConsensusNode
  let client: ConsensusServiceClient
  let keys: [MockKey]

  init(
    chainLimits: ChainLimits = ChainLimits(),
    limits: NodeLimits = NodeLimits(),
    window: Int = 64 * 1024
  ) {
    let ticks = Atomic64()
    self.node = ConsensusNode(
      genesis: .mock(chainID: "test", validators: 4),
      chainLimits: chainLimits,
      limits: limits,
      clock: NodeClock(
        monotonic: TimeSource { MonotonicInstant(nanoseconds: ticks.next() * 1_000_000) },
        wallNanoseconds: { Committee.now }
      )
    )
    let node = self.node
    self.client = ConsensusServiceClient(InProcessClient(to: InProcessServer(window: window) { node }))
    self.keys = (0..<4).map { MockKey(chainID: "test", index: $0) }
  }

  func vote(_ type: VoteType, by index: UInt32, for blockHash: [UInt8], height: UInt64 = 1, round: UInt32 = 0)
    -> Vote
  {
    Vote.with {
      $0.type = type
      $0.height = height
      $0.round = round
      $0.blockHash = blockHash
      $0.validatorIndex = index
    }.signed(by: self.keys[Int(index)], chainID: "test")
  }

  func submit(_ vote: Vote) async throws(RPCError) -> SubmitVoteResponse {
    try await self.client.submitVote(.with { $0.vote = vote })
  }

  /// The proposal of the validator whose turn it is.
  func proposal(_ transactions: [[UInt8]] = [[1], [2], [3]]) -> ProposeBlockRequest {
    self.node.proposal(transactions) { MockKey(publicKey: $0.publicKey) } ?? ProposeBlockRequest()
  }

  /// Has a block proposed and precommitted.
  @discardableResult
  func decide(_ transactions: [[UInt8]] = [[1], [2], [3]]) async throws -> Block {
    let proposal = self.proposal(transactions)
    let id = try await self.client.proposeBlock(proposal).blockId
    for index in 0..<3 as Range<UInt32> {
      let height = proposal.block?.header?.height ?? 0
      _ = try await self.submit(self.vote(.precommit, by: index, for: id?.hash ?? [], height: height))
    }
    return proposal.block ?? Block()
  }
}

/// A counter.
private final class Atomic64: Sendable {
  private let value = Atomic<Int64>(0)

  func next() -> Int64 {
    self.value.add(1, ordering: .relaxed).oldValue
  }
}
