/// The delays between attempts to connect: exponential, with a maximum and jitter.
///
/// Values outside the ranges given are taken as the nearest one inside.
public struct ConnectionBackoff: Hashable, Sendable {
  /// The delay after the first failure, 1 ms or more. Default 1 s.
  public var initial: Duration = .seconds(1)
  /// What each further failure multiplies it with, 1 to 100. Default 1.6.
  public var multiplier: Double = 1.6
  /// The longest delay, before jitter, up to a day. Default 120 s.
  public var maximum: Duration = .seconds(120)
  /// The share by which a delay is made longer or shorter at random, 0 to 1. Default 0.2.
  public var jitter: Double = 0.2

  /// gRPC's defaults.
  public init() {}

  /// - Parameter jitter: a random number from -1 to 1.
  package func delay(afterFailures failures: Int, jitter: Double) -> Duration {
    let maximum = min(max(self.maximum, .milliseconds(1)), .seconds(86_400))
    let multiplier = self.multiplier.clamped(to: 1...100)
    var delay = min(max(self.initial, .milliseconds(1)), maximum)
    for _ in 0..<failures where delay < maximum {
      delay = min(delay * multiplier, maximum)
    }
    return delay * (1 + self.jitter.clamped(to: 0...1) * jitter.clamped(to: -1...1))
  }
}

extension Double {
  /// The nearest number of the range; its lower bound for NaN.
  fileprivate func clamped(to range: ClosedRange<Double>) -> Double {
    self.isNaN ? range.lowerBound : min(max(self, range.lowerBound), range.upperBound)
  }
}
