import ArgumentParser
import Bulwark
import BulwarkProtobuf
import ConsensusService

struct SyncCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "sync",
    abstract: "Reads decided blocks, and checks that each names the one before it."
  )

  @OptionGroup var connection: ConnectionOptions

  @Option(help: "The first height.")
  var from: UInt64 = 1

  @Option(help: "The last height; the last decided one unless named.")
  var to: UInt64?

  @Flag(help: "Go on with each new block, until interrupted or out of time.")
  var follow = false

  private struct Result: Encodable {
    let height: UInt64
    let round: UInt32
    let block: String
    let parent: String
    let transactions: Int
    let bytes: Int
    let evidence: Int
  }

  func run() async throws {
    try await self.connection.withNode { node in
      let last = self.follow ? 0 : try await self.lastHeight(at: node)
      guard self.follow || last >= self.from else { return }
      let request = SyncBlocksRequest.with {
        $0.fromHeight = self.from
        $0.toHeight = last
      }
      let answers = node.service.syncBlocks(request, timeout: self.connection.streamTimeout)
      if self.follow {
        try await self.connection.untilTimeout { try await self.show(answers) }
      } else {
        try await self.show(answers)
      }
    }
  }

  private func show(_ answers: ResponseStream<SyncBlocksResponse>) async throws {
    var parent: [UInt8]?
    for try await answer in answers {
      for block in answer.blocks {
        try self.show(block, after: parent)
        parent = block.id.hash
      }
    }
  }

  private func lastHeight(at node: NodeView) async throws -> UInt64 {
    if let to { return to }
    return try await node.status().height
  }

  private func show(_ block: Block, after parent: [UInt8]?) throws {
    let header = block.header ?? BlockHeader()
    if let parent, header.parent?.hash != parent {
      throw RPCError(
        code: .dataLoss,
        message: "block \(header.height) does not name the block before it as its parent"
      )
    }
    let result = Result(
      height: header.height,
      round: header.round,
      block: block.id.hash.hexadecimal,
      parent: header.parent?.hash.hexadecimal ?? "",
      transactions: block.txs.count,
      bytes: block.txs.reduce(0) { $0 + $1.count },
      evidence: block.evidence.count
    )
    self.connection.output.show(
      result,
      "height \(result.height)  round \(result.round)  block \(block.id.hash.short)  "
        + "\(result.transactions) transactions, \(result.bytes) bytes"
        + (result.evidence == 0 ? "" : ", \(result.evidence) pieces of evidence")
    )
  }
}
