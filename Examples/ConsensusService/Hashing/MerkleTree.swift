import Crypto

/// The Merkle tree of RFC 6962, section 2.1, over SHA-256.
///
/// A leaf is hashed as `SHA-256(0x00 || data)` and an inner node as `SHA-256(0x01 || left || right)`: without
/// the two prefixes an inner node could be passed off as a leaf. The tree over nothing is `SHA-256("")`. A node
/// without a sibling moves up a level unchanged, which gives the tree shape of the RFC.
public enum MerkleTree {
  /// The hash of one leaf.
  public static func leafHash(_ data: [UInt8]) -> [UInt8] {
    var hash = SHA256()
    hash.update(data: [0x00])
    hash.update(data: data)
    return Array(hash.finalize())
  }

  /// The root over these leaf hashes, in order.
  public static func root(ofLeafHashes leaves: [[UInt8]]) -> [UInt8] {
    guard !leaves.isEmpty else { return Array(SHA256.hash(data: [UInt8]())) }
    var level = leaves
    while level.count > 1 {
      level = self.parents(of: level)
    }
    return level[0]
  }

  /// The siblings on the way from a leaf to the root, lowest first; empty if there is no such leaf.
  public static func proof(forLeaf index: Int, ofLeafHashes leaves: [[UInt8]]) -> [[UInt8]] {
    guard leaves.indices.contains(index) else { return [] }
    var proof: [[UInt8]] = []
    var level = leaves
    var position = index
    while level.count > 1 {
      let sibling = position ^ 1
      if sibling < level.count {
        proof.append(level[sibling])
      }
      level = self.parents(of: level)
      position /= 2
    }
    return proof
  }

  /// The root that a leaf hash and its proof lead to in a tree of `count` leaves.
  ///
  /// - Returns: nil if the index lies outside the tree, or the proof is longer or shorter than the way to the root.
  public static func root(fromLeafHash leaf: [UInt8], at index: Int, of count: Int, proof: [[UInt8]])
    -> [UInt8]?
  {
    guard index >= 0, index < count else { return nil }
    var hash = leaf
    var siblings = proof[...]
    var position = index
    var width = count
    while width > 1 {
      if position ^ 1 < width {
        guard let sibling = siblings.popFirst() else { return nil }
        hash = position % 2 == 0 ? self.innerHash(hash, sibling) : self.innerHash(sibling, hash)
      }
      position /= 2
      width = width / 2 + width % 2
    }
    return siblings.isEmpty ? hash : nil
  }

  private static func parents(of level: [[UInt8]]) -> [[UInt8]] {
    stride(from: 0, to: level.count, by: 2).map { left in
      left + 1 < level.count ? self.innerHash(level[left], level[left + 1]) : level[left]
    }
  }

  private static func innerHash(_ left: [UInt8], _ right: [UInt8]) -> [UInt8] {
    var hash = SHA256()
    hash.update(data: [0x01])
    hash.update(data: left)
    hash.update(data: right)
    return Array(hash.finalize())
  }
}
