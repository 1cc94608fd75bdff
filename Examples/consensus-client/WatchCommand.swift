import ArgumentParser
import Bulwark
import BulwarkProtobuf
import ConsensusService

struct WatchCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "watch",
    abstract: "Shows what happens at the node, until interrupted or out of time."
  )

  @OptionGroup var connection: ConnectionOptions

  @Flag(inversion: .prefixedNo, help: "Show decided blocks.")
  var blocks = true

  @Flag(inversion: .prefixedNo, help: "Show votes.")
  var votes = true

  @Option(help: "End after this many events.")
  var count: Int?

  private struct Result: Encodable {
    let height: UInt64
    let event: String
    let detail: String
  }

  func run() async throws {
    try await self.connection.withNode { node in
      let request = SubscribeEventsRequest.with {
        $0.includeBlocks = self.blocks
        $0.voteTypes = self.votes ? [.prevote, .precommit] : []
      }
      try await self.connection.untilTimeout {
        try await self.show(node.service.subscribeEvents(request, timeout: self.connection.streamTimeout))
      }
    }
  }

  private func show(_ events: ResponseStream<ConsensusEvent>) async throws {
    var left = self.count ?? .max
    guard left > 0 else { return }
    for try await event in events {
      let (name, detail) = Self.describe(event)
      let result = Result(height: event.height, event: name, detail: detail)
      self.connection.output.show(result, "height \(event.height)  \(name)  \(detail)")
      left -= 1
      if left == 0 { return }
    }
  }

  private static func describe(_ event: ConsensusEvent) -> (name: String, detail: String) {
    switch event.event {
    case .vote(let vote):
      let block = vote.blockHash.isEmpty ? "nil" : vote.blockHash.short
      return (
        "vote", "\(vote.type.name) of validator \(vote.validatorIndex) in round \(vote.round) for \(block)"
      )
    case .newBlock(let id):
      return ("block", id.hash.short)
    case .evidence(let evidence):
      return ("evidence", Self.describe(evidence))
    case .timeout(let timeout):
      return ("round end", "round \(timeout.round), step \(timeout.step)")
    case nil:
      return ("unknown", "")
    }
  }

  private static func describe(_ evidence: Evidence) -> String {
    switch evidence.kind {
    case .duplicateVote(let pair): "validator \(pair.first?.validatorIndex ?? 0) voted twice"
    case .invalidProposal(let proposal): "block \(proposal.blockId?.hash.short ?? "none"): \(proposal.reason)"
    case nil: ""
    }
  }
}
