import Foundation

extension Duration {
  /// The duration in seconds with that many digits after the point.
  func seconds(digits: Int) -> String {
    String(format: "%.\(digits)f s", self / .seconds(1))
  }

  /// The duration in milliseconds with two digits after the point.
  var milliseconds: String { String(format: "%.2f ms", self / .milliseconds(1)) }

  /// The duration in whole milliseconds.
  var wholeMilliseconds: String { String(format: "%.0f ms", self / .milliseconds(1)) }

  /// The duration in microseconds with one digit after the point.
  var microseconds: String { String(format: "%.1f us", self / .microseconds(1)) }
}

extension [Duration] {
  /// The duration that this share of them does not exceed, 0 to 1; zero if there are none.
  func percentile(_ share: Double) -> Duration {
    let sorted = self.sorted()
    let rank = Int((share * Double(sorted.count)).rounded(.up))
    return sorted.isEmpty ? .zero : sorted[Swift.min(Swift.max(rank, 1), sorted.count) - 1]
  }
}

/// So many of something in that time, per second, as a whole number.
func perSecond(_ count: Int, in elapsed: Duration) -> String {
  String(format: "%.0f", Double(count) / (elapsed / .seconds(1)))
}

/// A share in whole per cent.
func percent(_ share: Double) -> String {
  String(format: "%.0f %%", share * 100)
}
