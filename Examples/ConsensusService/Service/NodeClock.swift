public import Bulwark
import BulwarkResilience
import Foundation

/// The two clocks of a node: one that measures, one that tells the time of day.
public struct NodeClock: Sendable {
  /// Measures how long something took.
  public let monotonic: TimeSource

  /// Nanoseconds since 1970, which blocks and votes are stamped with.
  public let wallNanoseconds: @Sendable () -> UInt64

  /// Joins two clocks; tests pass ones that stand still.
  public init(monotonic: TimeSource, wallNanoseconds: @escaping @Sendable () -> UInt64) {
    self.monotonic = monotonic
    self.wallNanoseconds = wallNanoseconds
  }

  /// The system's clocks; the time of day is exact to a microsecond.
  public static let system = NodeClock(
    monotonic: TimeSource { MonotonicInstant(nanoseconds: PolicyClock.system.now.nanoseconds) },
    wallNanoseconds: {
      // A clock that is set to before 1970 tells its start.
      UInt64(max(0, Date().timeIntervalSince1970 * 1_000_000)) &* 1_000
    }
  )
}
