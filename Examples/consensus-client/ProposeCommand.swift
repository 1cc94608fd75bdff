import ArgumentParser
import Bulwark
import ConsensusService

struct ProposeCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "propose",
    abstract: "Builds the next block and proposes it with the mock key of the validator whose turn it is."
  )

  @OptionGroup var connection: ConnectionOptions
  @OptionGroup var options: ProposalOptions

  func run() async throws {
    try await self.connection.withNode { node in
      let proposal = try await node.nextProposal(transactions: self.options.make())
      let answer = try await node.service.proposeBlock(proposal, timeout: node.timeout)
      let result = ProposalResult(proposal, answer)
      self.connection.output.show(result, result.text)
    }
  }
}

struct UploadCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "upload",
    abstract: "Does what propose does, with the block in parts of 64 KiB."
  )

  @OptionGroup var connection: ConnectionOptions
  @OptionGroup var options: ProposalOptions

  private struct Result: Encodable {
    let parts: Int
    let proposal: ProposalResult
  }

  func run() async throws {
    try await self.connection.withNode { node in
      let proposal = try await node.nextProposal(transactions: self.options.make())
      let parts = try proposal.parts()
      let answer = try await node.service.uploadBlockParts(timeout: node.timeout) { writer in
        try await writer.write(contentsOf: parts)
      }
      let result = Result(parts: parts.count, proposal: ProposalResult(proposal, answer))
      self.connection.output.show(result, "\(result.parts) parts sent; \(result.proposal.text)")
    }
  }
}
