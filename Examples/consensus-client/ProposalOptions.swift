import ArgumentParser
import ConsensusService

/// The transactions of a block that a command builds.
struct ProposalOptions: ParsableArguments {
  @Option(help: "How many transactions the block has.")
  var transactions = 100

  @Option(help: "How many bytes each transaction has.")
  var bytes = 250

  func validate() throws {
    guard (0...10_000).contains(self.transactions) else {
      throw ValidationError("--transactions must be 0 to 10000.")
    }
    guard (1...1_048_576).contains(self.bytes) else { throw ValidationError("--bytes must be 1 to 1048576.") }
  }

  /// Transactions that differ from each other and from run to run.
  func make() -> [[UInt8]] {
    let start = NodeClock.system.wallNanoseconds()
    return (0..<self.transactions).map { index in
      let name = Array("transaction \(index) of \(start) ".utf8)
      return Array((0..<self.bytes).map { name[$0 % name.count] })
    }
  }
}

/// What became of a proposal.
struct ProposalResult: Encodable {
  let height: UInt64
  let round: UInt32
  let block: String
  let transactions: Int
  let verdict: String
  let reason: String

  init(_ proposal: ProposeBlockRequest, _ answer: ProposeBlockResponse) {
    self.height = proposal.block?.header?.height ?? 0
    self.round = proposal.block?.header?.round ?? 0
    self.block = answer.blockId?.hash.hexadecimal ?? ""
    self.transactions = proposal.block?.txs.count ?? 0
    self.verdict = answer.verdict.name
    self.reason = answer.reason
  }

  var text: String {
    "block \(self.block.prefix(12)) of height \(self.height), round \(self.round), "
      + "with \(self.transactions) transactions: \(self.verdict)"
      + (self.reason.isEmpty ? "" : ", \(self.reason)")
  }
}
