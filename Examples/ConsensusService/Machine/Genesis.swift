import BulwarkProtobuf

/// What a chain starts from: equal on all its nodes, and covered by the hash of its first block's parent.
public struct Genesis: Hashable, Sendable {
  /// The chain's name.
  public let chainID: String

  /// The validators at height 1; a validator's index is its place here.
  public let validators: [Validator]

  /// Creates a genesis from any validators; the caller answers for their keys and powers being sound.
  public init(chainID: String, validators: [Validator]) {
    self.chainID = chainID
    self.validators = validators
  }

  /// A genesis of derived keys (``MockKey/init(chainID:index:)``), each with the same power.
  public static func mock(chainID: String, validators: UInt32, power: UInt64 = 10) -> Genesis {
    Genesis(
      chainID: chainID,
      validators: (0..<validators).map { index in
        let key = MockKey(chainID: chainID, index: index)
        return Validator.with {
          $0.address = key.address
          $0.publicKey = key.publicKey
          $0.votingPower = power
          $0.moniker = "validator-\(index)"
        }
      }
    )
  }

  /// The state before the first block: domain `bulwark.mock.genesis`, the chain's name, the validators' hash.
  public var stateRoot: [UInt8] {
    var bytes = CanonicalBytes(domain: "bulwark.mock.genesis")
    bytes.append(self.chainID)
    bytes.append(ValidatorSet(self.validators).hash)
    return bytes.digest
  }

  /// The header that stands for height 0; no block belongs to it.
  public var header: BlockHeader {
    BlockHeader.with {
      $0.chainId = self.chainID
      $0.stateRoot = self.stateRoot
      $0.validatorsHash = ValidatorSet(self.validators).hash
    }
  }

  /// What block 1 names as its parent.
  public var id: BlockId {
    BlockId.with {
      $0.hash = self.header.canonicalHash
      $0.partTotal = 1
    }
  }
}
