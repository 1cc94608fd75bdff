import ArgumentParser
import Bulwark
import BulwarkProtobuf
import ConsensusService

struct VerifyCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "verify",
    abstract: "Has the node verify and run a block: the proposal of its round, or a decided block."
  )

  @OptionGroup var connection: ConnectionOptions

  @Option(help: "The height of a decided block; the proposal of the node's round unless named.")
  var height: UInt64?

  @Option(help: "The milliseconds that the node may spend; 0 for no bound.")
  var budget: UInt32 = 0

  private struct Result: Encodable {
    let height: UInt64
    let block: String
    let verdict: String
    let reason: String
    let stateRoot: String
    let gasUsed: UInt64
    let milliseconds: Double
  }

  func run() async throws {
    try await self.connection.withNode { node in
      let block = try await self.block(at: node)
      let request = VerifyBlockRequest.with {
        $0.block = block
        $0.fullExecution = true
        $0.budgetMs = self.budget
      }
      let answer = try await node.service.verifyBlock(request, timeout: node.timeout)
      let result = Result(
        height: block.header?.height ?? 0,
        block: block.id.hash.hexadecimal,
        verdict: answer.verdict.name,
        reason: answer.reason,
        stateRoot: answer.stateRoot.hexadecimal,
        gasUsed: answer.gasUsed,
        milliseconds: (answer.verifySeconds * 1_000_000).rounded() / 1_000
      )
      self.connection.output.show(
        result,
        "block \(block.id.hash.short) of height \(result.height): \(result.verdict)"
          + (result.reason.isEmpty ? "" : ", \(result.reason)")
          + "; \(block.txs.count) transactions, \(result.gasUsed) gas, \(result.milliseconds) ms"
      )
    }
  }

  private func block(at node: NodeView) async throws -> Block {
    if let height {
      guard let block = try await node.block(at: height) else {
        throw RPCError(code: .notFound, message: "the node sent no block of height \(height)")
      }
      return block
    }
    let status = try await node.status()
    if let block = try await node.proposal(height: status.height + 1, round: status.round)?.block {
      return block
    }
    guard status.height > 0, let block = try await node.block(at: status.height) else {
      throw RPCError(code: .notFound, message: "the node has no proposal and no block yet")
    }
    return block
  }
}
