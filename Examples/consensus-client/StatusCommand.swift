import ArgumentParser
import Bulwark
import ConsensusService

struct StatusCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "status",
    abstract: "Shows where the node stands, and its validators."
  )

  @OptionGroup var connection: ConnectionOptions

  private struct Result: Encodable {
    struct Member: Encodable {
      let index: Int
      let moniker: String
      let address: String
      let power: UInt64
    }

    let height: UInt64
    let round: UInt32
    let lastBlock: String
    let syncing: Bool
    let powerByRound: [String: UInt64]
    let totalPower: UInt64
    let validators: [Member]
  }

  func run() async throws {
    try await self.connection.withNode { node in
      let status = try await node.status()
      let set = try await node.validators()
      let result = Result(
        height: status.height,
        round: status.round,
        lastBlock: status.lastBlockHash.hexadecimal,
        syncing: status.syncing,
        powerByRound: Dictionary(uniqueKeysWithValues: status.powerByRound.map { ("\($0)", $1) }),
        totalPower: set.totalPower,
        validators: set.validators.enumerated().map { index, validator in
          Result.Member(
            index: index,
            moniker: validator.moniker,
            address: validator.address.hexadecimal,
            power: validator.votingPower
          )
        }
      )
      self.connection.output.show(result, Self.text(result))
    }
  }

  private static func text(_ result: Result) -> String {
    let votes = result.powerByRound.sorted { $0.key < $1.key }.map { "round \($0) has \($1)" }
    let lines = [
      "height \(result.height), last block \(result.lastBlock.prefix(12)), \(result.syncing ? "syncing" : "in step")",
      "deciding height \(result.height + 1), round \(result.round)"
        + (votes.isEmpty ? "" : ": of \(result.totalPower) power, " + votes.joined(separator: ", ")),
      "\(result.validators.count) validators, total power \(result.totalPower)",
    ]
    let members = result.validators.map {
      "  \($0.index)  \($0.moniker)  \($0.address.prefix(12))  power \($0.power)"
    }
    return (lines + members).joined(separator: "\n")
  }
}
