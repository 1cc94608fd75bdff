import BulwarkProtobuf

/// The parts of a proposal that is uploaded in pieces, until they are all there.
///
/// The parts are the bytes of a serialized `ProposeBlockRequest`, 64 KiB each but for the last. Each proves with
/// its Merkle siblings (``MerkleTree``, one leaf per part) that it belongs to the same whole as the first that
/// came, so that a part of something else is refused when it arrives and not when everything has been sent.
struct PartAssembly: Sendable {
  private let maxParts: UInt32
  private var first: BlockPart?
  private var root: [UInt8] = []
  private var parts: [UInt32: [UInt8]] = [:]

  /// - Parameter maxBytes: how large the whole can be.
  init(maxBytes: Int) {
    self.maxParts = UInt32(clamping: (maxBytes + Block.partSize - 1) / Block.partSize)
  }

  /// The height and the round that the parts name; nil before the first.
  var place: (height: UInt64, round: UInt32)? { self.first.map { ($0.height, $0.round) } }

  /// Takes a part; the order does not matter.
  ///
  /// - Throws: INVALID_ARGUMENT with the field that is wrong.
  mutating func add(_ part: BlockPart) throws(ChainRefusal) {
    guard (1...self.maxParts).contains(part.total) else {
      throw .invalid("total", "must be 1 to \(self.maxParts), got \(part.total)")
    }
    guard part.index < part.total else {
      throw .invalid("index", "must be below total, \(part.total), got \(part.index)")
    }
    if let first = self.first {
      try self.requireSame(first.total, part.total, "total")
      try self.requireSame(first.height, part.height, "height")
      try self.requireSame(UInt64(first.round), UInt64(part.round), "round")
    }
    try self.checkSize(of: part)
    guard self.parts[part.index] == nil else { throw .invalid("index", "\(part.index) was sent before") }
    let root = MerkleTree.root(
      fromLeafHash: MerkleTree.leafHash(part.data),
      at: Int(part.index),
      of: Int(part.total),
      proof: part.proof
    )
    guard let root, part.proof.allSatisfy({ $0.count == 32 }) else {
      throw .invalid("proof", "of part \(part.index) is not a path through a tree of \(part.total) parts")
    }
    guard self.first == nil || root == self.root else {
      throw .invalid("proof", "of part \(part.index) leads to another root than that of the first part sent")
    }
    self.root = root
    self.first = self.first ?? part
    self.parts[part.index] = part.data
  }

  /// The whole, once every part is there.
  ///
  /// - Throws: INVALID_ARGUMENT with the parts that are missing.
  func joined() throws(ChainRefusal) -> [UInt8] {
    guard let first = self.first else { throw .invalid("parts", "must be sent, got none") }
    let missing = (0..<first.total).filter { self.parts[$0] == nil }
    guard missing.isEmpty else {
      throw .invalid(
        "index",
        "\(missing.map(String.init).joined(separator: ", ")) of \(first.total) was not sent"
      )
    }
    return (0..<first.total).flatMap { self.parts[$0] ?? [] }
  }

  private func checkSize(of part: BlockPart) throws(ChainRefusal) {
    try requireAtMost(Block.partSize, part.data.count, "bytes", "data")
    let isLast = part.index == part.total - 1
    guard !part.data.isEmpty, isLast || part.data.count == Block.partSize else {
      throw .invalid(
        "data",
        "must be \(Block.partSize) bytes but in the last part, and never empty, got \(part.data.count)"
      )
    }
  }

  private func requireSame<Value: Equatable>(
    _ first: Value,
    _ other: Value,
    _ field: String
  ) throws(ChainRefusal) {
    guard first == other else {
      throw .invalid(field, "must be the same in all parts, got \(first) and \(other)")
    }
  }
}

extension ProposeBlockRequest {
  /// The proposal in parts for `UploadBlockParts`, in order, each with its proof.
  ///
  /// - Throws: what the codec throws when a field cannot be encoded.
  public func parts() throws -> [BlockPart] {
    let bytes = try self.serializedBytes()
    let chunks = stride(from: 0, to: bytes.count, by: Block.partSize)
      .map { Array(bytes[$0..<min($0 + Block.partSize, bytes.count)]) }
    let leaves = chunks.map { MerkleTree.leafHash($0) }
    return chunks.enumerated().map { index, data in
      BlockPart.with {
        $0.height = self.block?.header?.height ?? 0
        $0.round = self.block?.header?.round ?? 0
        $0.index = UInt32(clamping: index)
        $0.total = UInt32(clamping: chunks.count)
        $0.data = data
        $0.proof = MerkleTree.proof(forLeaf: index, ofLeafHashes: leaves)
      }
    }
  }
}
