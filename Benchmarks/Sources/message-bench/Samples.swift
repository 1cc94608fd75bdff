import BulwarkMessages

/// The messages that are measured, as their bytes: the hot path of a validator, and the largest thing it sends.
enum Samples {
  /// A precommit with its signature and a short extension: 134 bytes.
  static func vote() throws -> [UInt8] {
    try SubmitVoteRequest.with {
      $0.vote = .with {
        $0.type = .precommit
        $0.height = 1_234_567
        $0.round = 2
        $0.blockHash = Self.bytes(32, seed: 1)
        $0.validatorIndex = 77
        $0.timestampNs = 1_760_000_000_000_000_000
        $0.signature = Self.bytes(64, seed: 2)
        $0.extension = Self.bytes(8, seed: 3)
      }
    }.serializedBytes()
  }

  /// A block of 1,000 transactions with the commit of 100 validators: about 230 KB.
  static func block() throws -> [UInt8] {
    try Block.with {
      $0.header = .with {
        $0.chainId = "bench-1"
        $0.height = 1_234_567
        $0.round = 1
        $0.timestampNs = 1_760_000_000_000_000_000
        $0.parent = .with {
          $0.hash = Self.bytes(32, seed: 4); $0.partTotal = 4
        }
        $0.txsRoot = Self.bytes(32, seed: 5)
        $0.stateRoot = Self.bytes(32, seed: 6)
        $0.validatorsHash = Self.bytes(32, seed: 7)
        $0.proposerAddress = Self.bytes(20, seed: 8)
      }
      $0.txs = (0..<1000).map { Self.bytes(160 + $0 % 128, seed: $0) }
      $0.lastCommit = .with {
        $0.height = 1_234_566
        $0.blockId = .with {
          $0.hash = Self.bytes(32, seed: 9); $0.partTotal = 4
        }
        $0.signerBitmap = Self.bytes(13, seed: 10)
        $0.signatures = (0..<100).map { Self.bytes(64, seed: $0) }
      }
    }.serializedBytes()
  }

  /// Bytes that do not compress and are the same in each run.
  private static func bytes(_ count: Int, seed: Int) -> [UInt8] {
    var state = UInt64(seed) &* 0x9e37_79b9_7f4a_7c15 &+ 1
    return (0..<count).map { _ in
      state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
      return UInt8(truncatingIfNeeded: state >> 56)
    }
  }
}
