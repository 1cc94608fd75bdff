import Bulwark
import BulwarkProtobuf
import ConsensusService

/// Watches two nodes over streams while the committee works: the events of one, the blocks of another.
struct Observer: Sendable {
  /// What was seen.
  struct Observed: Sendable {
    var votes = 0
    var blocks = 0
    var doubleVotes = 0

    /// The height of the block that records the first double vote.
    var recordedAt: UInt64?

    /// How many blocks came one after the other, each naming the one before.
    var followed = 0
  }

  /// Longer than any run should take; ends the streams if the committee stands still.
  private static let timeout: Duration = .seconds(60)

  let committee: Committee
  let heights: UInt64

  func run() async throws -> Observed {
    async let followed = self.followBlocks()
    var observed = try await self.watchEvents()
    (observed.followed, observed.recordedAt) = try await followed
    return observed
  }

  private func watchEvents() async throws -> Observed {
    let request = SubscribeEventsRequest.with {
      $0.voteTypes = [.prevote, .precommit]
      $0.includeBlocks = true
    }
    var observed = Observed()
    for try await event in self.committee.members[0].peers[1].subscribeEvents(request, timeout: Self.timeout)
    {
      switch event.event {
      case .vote: observed.votes += 1
      case .evidence: observed.doubleVotes += 1
      case .newBlock:
        observed.blocks += 1
        if event.height == self.heights { return observed }
      case .timeout, nil: break
      }
    }
    return observed
  }

  private func followBlocks() async throws -> (count: Int, recordedAt: UInt64?) {
    var count = 0
    var recordedAt: UInt64?
    var parent: [UInt8]?
    let blocks = self.committee.members[0].peers[2].syncBlocks(
      .with { $0.fromHeight = 1 },
      timeout: Self.timeout
    )
    for try await answer in blocks {
      for block in answer.blocks {
        guard parent == nil || block.header?.parent?.hash == parent else {
          throw DemoFailure("a block does not name the one before it")
        }
        parent = block.id.hash
        count += 1
        if recordedAt == nil, !block.evidence.isEmpty {
          recordedAt = block.header?.height
        }
      }
      if answer.nextHeight > self.heights { break }
    }
    return (count, recordedAt)
  }
}
