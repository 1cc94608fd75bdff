import BulwarkProtobuf

extension BlockHeader {
  /// The block's hash: SHA-256 of the canonical bytes of the domain `bulwark.mock.block` and every field of the
  /// header in the order of its number, the parent as hash and part_total.
  ///
  /// The transactions are covered through `txs_root`. The last commit and the evidence are not covered, because
  /// the header has no field for them; each proves itself.
  public var canonicalHash: [UInt8] {
    var bytes = CanonicalBytes(domain: "bulwark.mock.block")
    bytes.append(self.chainId)
    bytes.append(self.height)
    bytes.append(self.round)
    bytes.append(self.timestampNs)
    bytes.append(self.parent?.hash ?? [])
    bytes.append(self.parent?.partTotal ?? 0)
    bytes.append(self.txsRoot)
    bytes.append(self.stateRoot)
    bytes.append(self.validatorsHash)
    bytes.append(self.proposerAddress)
    return bytes.digest
  }
}

extension Block {
  /// How many bytes one part of a block holds at most.
  public static let partSize = 65_536

  /// The transactions' sizes together, which is what a block's size limit counts.
  var transactionBytes: Int { self.txs.reduce(0) { $0 + $1.count } }

  /// The block's identity: its hash, and how many 64 KiB parts its transactions fill (at least one).
  public var id: BlockId {
    BlockId.with {
      $0.hash = self.header?.canonicalHash ?? []
      $0.partTotal = UInt32(clamping: max(1, (self.transactionBytes + Self.partSize - 1) / Self.partSize))
    }
  }
}

/// What transactions do in the mock: each is folded into a running hash, and costs gas by its size.
struct Execution {
  /// The state after the transactions so far: `SHA-256` of the domain `bulwark.mock.state`, the state before and
  /// the transaction's leaf hash, transaction by transaction.
  private(set) var stateRoot: [UInt8]

  /// 21,000 for each transaction and 16 for each of its bytes.
  private(set) var gasUsed: UInt64 = 0

  init(parentStateRoot: [UInt8]) {
    self.stateRoot = parentStateRoot
  }

  mutating func run(transactionBytes: Int, leafHash: [UInt8]) {
    var bytes = CanonicalBytes(domain: "bulwark.mock.state")
    bytes.append(self.stateRoot)
    bytes.append(leafHash)
    self.stateRoot = bytes.digest
    // A transaction is at most one block large: the product stays far below 64 bits.
    self.gasUsed &+= 21_000 &+ 16 &* UInt64(clamping: transactionBytes)
  }

  /// The state root after all transactions of a block.
  static func stateRoot(after transactions: [[UInt8]], leafHashes: [[UInt8]], from parent: [UInt8]) -> [UInt8]
  {
    var execution = Execution(parentStateRoot: parent)
    for (transaction, leaf) in zip(transactions, leafHashes) {
      execution.run(transactionBytes: transaction.count, leafHash: leaf)
    }
    return execution.stateRoot
  }
}
