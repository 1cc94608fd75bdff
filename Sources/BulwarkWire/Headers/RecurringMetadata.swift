import BulwarkCore

/// The metadata of a header block while it is read, beside that of an earlier one.
///
/// A client says the same of itself in each of its calls. As long as the pairs are those of the earlier block nothing is
/// copied, and in the end that block's metadata stands for both: two allocations less for most calls.
struct RecurringMetadata {
  /// Larger metadata is not kept from one call to the next: an idle connection should not hold it.
  static let maxKeptBytes = 512

  private let earlier: Metadata
  /// How many pairs have been those of the earlier block, until one is not.
  private var recurred: Int? = 0
  private var own = Metadata()

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
    if let count = self.recurred {
      self.own = self.earlier.firstPairs(count)
      self.recurred = nil
    }
    return body(&self.own)
  }

  /// The pairs so far.
  var metadata: Metadata {
    self.recurred.map { self.earlier.firstPairs($0) } ?? self.own
  }

  /// The pairs so far, if they are not the earlier ones and small enough to be compared with those of the next block.
  var toRemember: Metadata? {
    guard self.recurred != self.earlier.count, self.metadata.byteCount <= Self.maxKeptBytes else {
      return nil
    }
    return self.metadata
  }
}
