public import Bulwark

#if canImport(Glibc)
import Glibc
#else
import Darwin
#endif

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

  /// The system's clocks.
  public static let system = NodeClock(
    monotonic: TimeSource {
      MonotonicInstant(nanoseconds: Int64(clamping: nanoseconds(of: CLOCK_MONOTONIC)))
    },
    wallNanoseconds: { nanoseconds(of: CLOCK_REALTIME) }
  )

  private static func nanoseconds(of clock: clockid_t) -> UInt64 {
    var time = timespec()
    clock_gettime(clock, &time)
    return UInt64(clamping: time.tv_sec) &* 1_000_000_000 &+ UInt64(clamping: time.tv_nsec)
  }
}
