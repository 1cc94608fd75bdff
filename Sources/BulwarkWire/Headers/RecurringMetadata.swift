import BulwarkCore

/// The metadata of a header block while it is read, beside that of an earlier one.
///
/// A client says the same of itself in each of its calls. As long as the pairs are those of the earlier block nothing is
/// copied, and in the end that block's metadata stands for both: two allocations less for most calls.
struct RecurringMetadata: ~Copyable {
  /// Larger metadata is not kept from one call to the next: an idle connection should not hold it.
  static let maxKeptBytes = 512

  private let earlier: Metadata
  /// How many pairs have been those of the earlier block, until one is not.
  private var recurred: Int? = 0
  private var own: Metadata?

  init(after earlier: Metadata) {
    self.earlier = earlier
  }

  mutating func append(name: ArraySlice<UInt8>, value: ArraySlice<UInt8>) {
    if let count = self.recurred, self.earlier.hasPair(name: name, value: value, at: count) {
      self.recurred = count + 1
    } else {
      self.changeOwn { $0.append(name: name, value: value) }
    }
  }

  /// Adds what the block has of its own.
  mutating func changeOwn<Result>(_ body: (inout Metadata) -> Result) -> Result {
    // Taken out, so that the arrays are not shared while they grow.
    var own = self.own.take() ?? self.earlier.firstPairs(self.recurred ?? 0)
    self.recurred = nil
    defer { self.own = own }
    return body(&own)
  }

  /// The pairs, and whether they are others than the earlier ones and small enough to be compared with those of the next
  /// block.
  consuming func take() -> (Metadata, isToBeRemembered: Bool) {
    guard self.recurred != self.earlier.count else { return (self.earlier, false) }
    let metadata = self.own ?? self.earlier.firstPairs(self.recurred ?? 0)
    return (metadata, metadata.byteCount <= Self.maxKeptBytes)
  }
}
