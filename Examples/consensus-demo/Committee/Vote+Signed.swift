import Bulwark
import BulwarkProtobuf
import ConsensusService

extension Vote {
  /// The vote of a validator, signed, for the block of this hash; for none if it is empty.
  static func signed(
    _ type: VoteType,
    by key: MockKey,
    index: Int,
    height: UInt64,
    for hash: [UInt8]
  ) -> Vote {
    Vote.with {
      $0.type = type
      $0.height = height
      $0.blockHash = hash
      $0.validatorIndex = UInt32(index)
      $0.timestampNs = NodeClock.system.wallNanoseconds()
    }.signed(by: key, chainID: Stage.chainID)
  }
}
