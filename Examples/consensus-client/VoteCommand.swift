import ArgumentParser
import Bulwark
import BulwarkProtobuf
import ConsensusService

struct VoteCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "vote",
    abstract: "Casts a vote with a mock key: for the proposal of the round if there is one, else for nil."
  )

  enum Kind: String, ExpressibleByArgument {
    case prevote, precommit
  }

  @OptionGroup var connection: ConnectionOptions

  @Option(help: "The index of the validator that votes.")
  var validator: UInt32 = 0

  @Option(help: "prevote or precommit.")
  var type: Kind = .prevote

  @Option(help: "The height; the one that is being decided unless named.")
  var height: UInt64?

  @Option(help: "The round; the node's unless named.")
  var round: UInt32?

  @Option(help: "The block's hash as hexadecimal digits, or nil.")
  var block: String?

  private struct Result: Encodable {
    let validator: UInt32
    let type: String
    let height: UInt64
    let round: UInt32
    let block: String
    let accepted: Bool
    let duplicate: Bool
    let powerSeen: UInt64
  }

  func validate() throws {
    guard let block, block != "nil", [UInt8](hexadecimal: block)?.count != 32 else { return }
    throw ValidationError("--block must be nil or 64 hexadecimal digits.")
  }

  func run() async throws {
    try await self.connection.withNode { node in
      let vote = try await self.vote(at: node)
      let receipt = try await node.service.submitVote(.with { $0.vote = vote }, timeout: node.timeout)
      let result = Result(
        validator: vote.validatorIndex,
        type: vote.type.name,
        height: vote.height,
        round: vote.round,
        block: vote.blockHash.hexadecimal,
        accepted: receipt.accepted,
        duplicate: receipt.duplicate,
        powerSeen: receipt.powerSeen
      )
      self.connection.output.show(
        result,
        "\(result.type) of validator \(result.validator) for \(vote.blockHash.isEmpty ? "nil" : vote.blockHash.short) "
          + "at height \(result.height), round \(result.round): "
          + "\(result.duplicate ? "known already" : "taken"), \(result.powerSeen) power so far"
      )
    }
  }

  private func vote(at node: NodeView) async throws -> Vote {
    let status = try await node.status()
    let height = self.height ?? status.height + 1
    let round = self.round ?? status.round
    let hash = try await self.blockHash(at: node, height: height, round: round)
    let vote = Vote.with {
      $0.type = self.type == .prevote ? .prevote : .precommit
      $0.height = height
      $0.round = round
      $0.blockHash = hash
      $0.validatorIndex = self.validator
      $0.timestampNs = NodeClock.system.wallNanoseconds()
    }
    return vote.signed(by: MockKey(chainID: node.chainID, index: self.validator), chainID: node.chainID)
  }

  private func blockHash(at node: NodeView, height: UInt64, round: UInt32) async throws -> [UInt8] {
    guard let block else {
      return try await node.proposal(height: height, round: round)?.block?.id.hash ?? []
    }
    // What is no hash is nil: `validate` lets nothing else through.
    return [UInt8](hexadecimal: block) ?? []
  }
}

extension [UInt8] {
  /// The bytes of hexadecimal digits, two for each; nil if the text holds anything else.
  fileprivate init?(hexadecimal text: String) {
    let digits = text.compactMap(\.hexDigitValue)
    guard digits.count == text.count, digits.count % 2 == 0 else { return nil }
    self = stride(from: 0, to: digits.count, by: 2).map { UInt8(digits[$0] << 4 | digits[$0 + 1]) }
  }
}
