/// A point on the monotonic clock of this process, in integer nanoseconds.
///
/// Deadlines inside one process are instants; only between processes do they travel as the time that is left
/// (`grpc-timeout`), because two hosts share no clock. Arithmetic saturates: an instant never wraps around.
public struct MonotonicInstant: Hashable, Comparable, Sendable, CustomStringConvertible {
  /// Nanoseconds since an arbitrary, fixed moment of this process.
  public var nanoseconds: Int64

  /// Creates the instant that lies this many nanoseconds after the clock's start.
  @inlinable
  public init(nanoseconds: Int64) {
    self.nanoseconds = nanoseconds
  }

  /// Later than every instant that a clock will show: "no deadline" where an instant is needed.
  public static let distantFuture = MonotonicInstant(nanoseconds: .max)

  @inlinable
  public static func < (lhs: Self, rhs: Self) -> Bool {
    lhs.nanoseconds < rhs.nanoseconds
  }

  /// The instant `duration` later (earlier if negative), saturated to what 64 bits of nanoseconds hold.
  public func advanced(by duration: Duration) -> MonotonicInstant {
    self.advanced(byNanoseconds: duration.saturatedNanoseconds)
  }

  /// The same for a duration that is known in nanoseconds.
  @inlinable
  package func advanced(byNanoseconds nanoseconds: Int64) -> MonotonicInstant {
    let (sum, overflow) = self.nanoseconds.addingReportingOverflow(nanoseconds)
    guard overflow else { return MonotonicInstant(nanoseconds: sum) }
    return MonotonicInstant(nanoseconds: nanoseconds < 0 ? .min : .max)
  }

  /// How long after `self` the other instant lies; negative if it lies before.
  public func duration(to other: MonotonicInstant) -> Duration {
    let (difference, overflow) = other.nanoseconds.subtractingReportingOverflow(self.nanoseconds)
    guard overflow else { return .nanoseconds(difference) }
    return .nanoseconds(other < self ? Int64.min : .max)
  }

  public var description: String { "\(self.nanoseconds) ns" }

  /// The earlier of two limits, where nil is none.
  package static func earliest(_ one: MonotonicInstant?, _ other: MonotonicInstant?) -> MonotonicInstant? {
    guard let one, let other else { return one ?? other }
    return min(one, other)
  }
}

extension Duration {
  /// The duration in whole nanoseconds, saturated to what 64 bits hold (about 292 years).
  package var saturatedNanoseconds: Int64 {
    let (seconds, attoseconds) = self.components
    let (scaled, overflow) = seconds.multipliedReportingOverflow(by: 1_000_000_000)
    guard !overflow else { return seconds < 0 ? .min : .max }
    let (sum, sumOverflow) = scaled.addingReportingOverflow(attoseconds / 1_000_000_000)
    guard !sumOverflow else { return seconds < 0 ? .min : .max }
    return sum
  }
}

/// Where a component reads the time: the system's monotonic clock in production, a virtual one in tests.
public struct TimeSource: Sendable {
  private let read: @Sendable () -> MonotonicInstant

  /// Creates a source from a function that never goes backwards and is safe to call from any thread.
  public init(_ read: @escaping @Sendable () -> MonotonicInstant) {
    self.read = read
  }

  /// The time now.
  public var now: MonotonicInstant { self.read() }
}
