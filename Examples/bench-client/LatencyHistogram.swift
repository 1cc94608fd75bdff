/// Counts of durations in buckets whose width grows with their value, as in HdrHistogram.
///
/// Up to 127 ns each nanosecond has a bucket; above that each power of two is cut into 64. So a percentile is at
/// most 1/64 (1.6 %) above the true value, whatever its size, and recording is a shift and an increment.
struct LatencyHistogram {
  /// Longer durations count as this one: 2^40 ns, about 18 minutes.
  static let longest: UInt64 = 1 << 40

  /// Each power of two has two to this power buckets.
  private static let precisionBits = 6

  private var buckets = [UInt64](repeating: 0, count: Self.bucket(of: Self.longest) + 1)

  /// How many durations were recorded.
  private(set) var count: UInt64 = 0

  mutating func record(nanoseconds: UInt64) {
    self.buckets[Self.bucket(of: min(nanoseconds, Self.longest))] += 1
    self.count += 1
  }

  mutating func add(_ other: LatencyHistogram) {
    for index in self.buckets.indices {
      self.buckets[index] += other.buckets[index]
    }
    self.count += other.count
  }

  /// The duration that this share of the recorded ones does not exceed, in nanoseconds; 0 if there are none.
  ///
  /// - Parameter percent: from 0 to 100.
  func percentile(_ percent: Double) -> UInt64 {
    let rank = max(1, UInt64((Double(self.count) * percent / 100).rounded(.up)))
    var seen: UInt64 = 0
    for (index, count) in self.buckets.enumerated() {
      seen += count
      if seen >= rank { return Self.highest(in: index) }
    }
    return 0
  }

  private static func bucket(of value: UInt64) -> Int {
    let shift = max(0, UInt64.bitWidth - value.leadingZeroBitCount - self.precisionBits - 1)
    return shift << self.precisionBits + Int(value >> UInt64(shift))
  }

  /// The largest value that falls into the bucket.
  private static func highest(in bucket: Int) -> UInt64 {
    let shift = max(0, bucket >> self.precisionBits - 1)
    let top = UInt64(bucket - shift << self.precisionBits)
    return (top + 1) << UInt64(shift) - 1
  }
}
