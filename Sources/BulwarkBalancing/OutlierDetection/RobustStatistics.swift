#if canImport(Darwin)
import Darwin
#elseif canImport(Musl)
import Musl
#else
import Glibc
#endif

func binaryLogarithm(_ number: Double) -> Double { log2(number) }

enum Median {
  /// The middle of the values, the mean of the middle two of an even number; nil of none.
  static func of(_ values: [Double]) -> Double? {
    let sorted = values.sorted()
    guard let last = sorted.last else { return nil }
    let middle = sorted.count / 2
    guard sorted.count.isMultiple(of: 2) else { return sorted[middle] }
    return middle == 0 ? last : (sorted[middle - 1] + sorted[middle]) / 2
  }
}

enum Wilson {
  private static let z = 1.96

  /// The lower end of the 95 % interval for a share of which so many of so many were seen: Wilson, "Probable inference, the
  /// law of succession, and statistical inference", 1927.
  static func lowerBound(_ hits: Int, of count: Int) -> Double {
    guard count > 0, hits > 0 else { return 0 }
    let n = Double(count)
    let share = Double(hits) / n
    let square = self.z * self.z
    let spread = self.z * (share * (1 - share) / n + square / (4 * n * n)).squareRoot()
    return (share + square / (2 * n) - spread) / (1 + square / n)
  }
}
