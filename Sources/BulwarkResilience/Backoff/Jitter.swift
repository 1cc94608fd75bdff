/// The chance in a delay, which keeps callers that failed together from coming back together.
///
/// Full, equal and decorrelated are those of Marc Brooker, "Exponential backoff and jitter" (AWS, 2015), with t the
/// planned delay and b the base.
public enum Jitter: Hashable, Sendable {
  /// t.
  case none
  /// Between t x (1 - ratio) and t x (1 + ratio).
  case ratio(Double)
  /// Between 0 and t.
  case full
  /// Between t / 2 and t.
  case equal
  /// Between b and three times the delay before; the growth of the backoff plays no part.
  case decorrelated

  func apply(
    to planned: Int64,
    base: Int64,
    previous: Int64?,
    maximum: Int64,
    using generator: inout some RandomNumberGenerator
  ) -> Int64 {
    let drawn: Int64
    switch self {
    case .none:
      drawn = planned
    case .ratio(let ratio):
      let spread = Int64(saturating: Double(planned) * ratio)
      drawn = Self.draw(
        planned.saturatingSubtracting(spread),
        planned.saturatingAdding(spread),
        using: &generator
      )
    case .full:
      drawn = Self.draw(0, planned, using: &generator)
    case .equal:
      drawn = Self.draw(planned / 2, planned, using: &generator)
    case .decorrelated:
      drawn = Self.draw(base, (previous ?? base).saturatingMultiplied(by: 3), using: &generator)
    }
    return min(max(drawn, 0), maximum)
  }

  private static func draw(_ low: Int64, _ high: Int64, using generator: inout some RandomNumberGenerator)
    -> Int64
  {
    low < high ? Int64.random(in: low...high, using: &generator) : low
  }
}
