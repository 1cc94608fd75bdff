public import BulwarkCore

/// The methods of a server by the bytes of their path: built once, then only read.
///
/// The look-up makes no string. Collisions cannot be provoked into more than a few comparisons, because the
/// table's entries are the server's own methods and no peer adds to them.
public struct MethodTable: Sendable {
  private struct Slot: Sendable {
    let path: [UInt8]
    let entry: MethodEntry
  }

  private let buckets: [[Slot]]
  private let mask: Int

  /// The methods, in the order of their paths.
  public let entries: [MethodEntry]

  /// Builds the table of a registry's methods, which is complete then: its services are told.
  public init(_ registry: ServiceRegistry) {
    registry.complete()
    self.entries = registry.entries
    var size = 8
    while size < 2 * self.entries.count {
      size *= 2
    }
    self.mask = size - 1
    var buckets = [[Slot]](repeating: [], count: size)
    for entry in self.entries {
      let path = Array(entry.descriptor.path.utf8)
      buckets[Self.hash(path[...]) & self.mask].append(Slot(path: path, entry: entry))
    }
    self.buckets = buckets
  }

  /// The method of a path, compared byte by byte: paths are case-sensitive.
  func entry(forPath path: ArraySlice<UInt8>) -> MethodEntry? {
    for slot in self.buckets[Self.hash(path) & self.mask] where path.elementsEqual(slot.path) {
      return slot.entry
    }
    return nil
  }

  /// FNV-1a, folded so that the high bits count in the bucket's index too.
  private static func hash(_ bytes: ArraySlice<UInt8>) -> Int {
    var hash: UInt64 = 0xCBF2_9CE4_8422_2325
    for byte in bytes {
      hash = (hash ^ UInt64(byte)) &* 0x100_0000_01B3
    }
    return Int(truncatingIfNeeded: hash ^ hash >> 32)
  }
}
