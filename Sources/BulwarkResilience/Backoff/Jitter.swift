/// The chance in a delay, which keeps callers that failed together from coming back together.
///
/// Full, equal and decorrelated are those of Marc Brooker, "Exponential backoff and jitter" (AWS, 2015), with t the
/// planned delay and b the base.
public enum Jitter: Hashable, Sendable {
  /// t.
  case none
  /// Between t x (1 - ratio) and t x (1 + ratio), or the maximum if that is less.
  case ratio(Double)
  /// Between 0 and t.
  case full
  /// Between t / 2 and t.
  case equal
  /// Between b and three times the delay before, or the maximum if that is less; the growth of the backoff plays no
  /// part.
  case decorrelated

  func apply(
    to planned: Int64,
    base: Int64,
    previous: Int64?,
    maximum: Int64,
    using generator: inout some RandomNumberGenerator
  ) -> Int64 {
    // The bounds are clamped, not what is drawn: callers at the maximum would all come back after exactly that.
    let planned = min(max(planned, 0), maximum)
    let base = min(max(base, 0), maximum)
    switch self {
    case .none:
      return planned
    case .ratio(let ratio):
      let spread = max(Int64(saturating: Double(planned) * ratio), 0)
      let low = max(planned.saturatingSubtracting(spread), 0)
      return Self.draw(low, min(planned.saturatingAdding(spread), maximum), using: &generator)
    case .full:
      return Self.draw(0, planned, using: &generator)
    case .equal:
      return Self.draw(planned / 2, planned, using: &generator)
    case .decorrelated:
      let high = min((previous ?? base).saturatingMultiplied(by: 3), maximum)
      return Self.draw(base, high, using: &generator)
    }
  }

  private static func draw(_ low: Int64, _ high: Int64, using generator: inout some RandomNumberGenerator)
    -> Int64
  {
    low < high ? Int64.random(in: low...high, using: &generator) : low
  }
}
