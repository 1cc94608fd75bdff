import BulwarkProtobuf
import Testing

@testable import ConsensusService

/// A chain with the keys of all its validators, and a clock that stands still.
struct Committee {
  static let now: UInt64 = 1_000_000_000_000

  let keys: [MockKey]
  var chain: Chain

  /// One validator for each power.
  init(powers: [UInt64] = [10, 10, 10, 10], limits: ChainLimits = ChainLimits()) {
    let keys = powers.indices.map { MockKey(chainID: "test", index: UInt32($0)) }
    let validators = zip(keys, powers).map { key, power in
      Validator.with {
        $0.address = key.address
        $0.publicKey = key.publicKey
        $0.votingPower = power
      }
    }
    self.keys = keys
    self.chain = Chain(genesis: Genesis(chainID: "test", validators: validators), limits: limits)
  }

  /// A signed vote; of the height being decided unless another is named.
  func vote(
    _ type: VoteType,
    by index: Int,
    for blockHash: [UInt8],
    height: UInt64? = nil,
    round: UInt32 = 0
  ) -> Vote {
    let vote = Vote.with {
      $0.type = type
      $0.height = height ?? self.chain.height
      $0.round = round
      $0.blockHash = blockHash
      $0.validatorIndex = UInt32(index)
      $0.timestampNs = Self.now
    }
    return vote.signed(by: self.keys[index], chainID: "test")
  }

  /// The plan of the block whose turn it is, in this round.
  func plan(round: UInt32 = 0) -> BlockPlan {
    var plan = self.chain.plan(now: Self.now + self.chain.height)
    plan.round = round
    plan.proposerAddress = self.keys[self.proposer(round: round)].address
    return plan
  }

  func proposer(round: UInt32 = 0) -> Int {
    Int(self.chain.rotation.proposer(round: round, of: self.chain.validators))
  }

  /// A proposal that every node should accept.
  func proposal(_ transactions: [[UInt8]] = [[1], [2], [3]], round: UInt32 = 0) -> ProposeBlockRequest {
    self.plan(round: round).proposal(transactions, signedBy: self.keys[self.proposer(round: round)])
  }

  /// A proposal with a changed header, signed again by the validator whose turn it is.
  func proposal(changing change: (inout BlockHeader) -> Void) -> ProposeBlockRequest {
    var request = self.proposal()
    var header = request.block?.header ?? BlockHeader()
    change(&header)
    request.block?.header = header
    return request.signed(by: self.keys[self.proposer()])
  }

  @discardableResult
  mutating func propose(_ request: ProposeBlockRequest) throws(ChainRefusal) -> ProposeBlockResponse {
    let checked = try CheckedProposal(
      request,
      chainID: "test",
      parentStateRoot: self.chain.head.header.stateRoot,
      limits: self.chain.limits
    )
    return try self.chain.propose(checked, now: Self.now)
  }

  /// Proposes a block, and has the first validators precommit it until it is decided.
  @discardableResult
  mutating func decide(_ transactions: [[UInt8]] = [[1], [2], [3]]) throws -> BlockId {
    let height = self.chain.height
    let id = try #require(try self.propose(self.proposal(transactions)).blockId)
    for index in self.keys.indices where self.chain.height == height {
      _ = try self.chain.submit(self.vote(.precommit, by: index, for: id.hash))
    }
    try #require(self.chain.height == height + 1)
    return id
  }
}

/// Some 32 bytes that are the hash of nothing.
func hash(_ byte: UInt8) -> [UInt8] {
  [UInt8](repeating: byte, count: 32)
}
