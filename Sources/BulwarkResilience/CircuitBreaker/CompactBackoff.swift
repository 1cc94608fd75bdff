/// A backoff in whole nanoseconds, and half its size.
struct CompactBackoff: Hashable, Sendable {
  private enum Growth: UInt8, Hashable, Sendable {
    case constant
    case linear
    case exponential
  }

  private enum Chance: UInt8, Hashable, Sendable {
    case none
    case ratio
    case full
    case equal
    case decorrelated
  }

  private let base: Int64
  private let maximum: Int64
  private var multiplier = 0.0
  private var ratio = 0.0
  private let growth: Growth
  private let chance: Chance

  init(_ backoff: Backoff) {
    self.base = backoff.base.wholeNanoseconds
    self.maximum = backoff.maximum.wholeNanoseconds
    switch backoff.growth {
    case .constant: self.growth = .constant
    case .linear: self.growth = .linear
    case .exponential(let multiplier):
      self.growth = .exponential
      self.multiplier = multiplier
    }
    switch backoff.jitter {
    case .none: self.chance = .none
    case .ratio(let ratio):
      self.chance = .ratio
      self.ratio = ratio
    case .full: self.chance = .full
    case .equal: self.chance = .equal
    case .decorrelated: self.chance = .decorrelated
    }
  }

  /// The backoff that this was made from.
  var backoff: Backoff {
    let growth: Backoff.Growth =
      switch self.growth {
      case .constant: .constant
      case .linear: .linear
      case .exponential: .exponential(multiplier: self.multiplier)
      }
    let jitter: Jitter =
      switch self.chance {
      case .none: .none
      case .ratio: .ratio(self.ratio)
      case .full: .full
      case .equal: .equal
      case .decorrelated: .decorrelated
      }
    return Backoff(
      base: .nanoseconds(self.base),
      growth: growth,
      maximum: .nanoseconds(self.maximum),
      jitter: jitter
    )
  }
}
