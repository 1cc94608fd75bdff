/// The clock that every policy reads, and sleeps by: the system's monotonic one in production, a virtual one in tests.
///
/// The system clock is `CLOCK_MONOTONIC` (`CLOCK_UPTIME_RAW` on Darwin): it never goes back, no change of the wall
/// clock moves it, and time in which the machine is suspended does not count. Policies bear a clock of another kind
/// that stands still or jumps, backwards too: they may wait longer than they had to, but neither trap nor unlock early.
public struct PolicyClock: Clock {
  /// A point on the clock, in integer nanoseconds. Arithmetic saturates: an instant never wraps around.
  public struct Instant: InstantProtocol, Hashable, Sendable, CustomStringConvertible {
    /// Nanoseconds since an arbitrary, fixed moment.
    public var nanoseconds: Int64

    /// The instant that lies this many nanoseconds after the clock's start.
    @inlinable
    public init(nanoseconds: Int64) {
      self.nanoseconds = nanoseconds
    }

    @inlinable
    public static func < (lhs: Instant, rhs: Instant) -> Bool {
      lhs.nanoseconds < rhs.nanoseconds
    }

    public func advanced(by duration: Duration) -> Instant {
      Instant(nanoseconds: self.nanoseconds.saturatingAdding(duration.wholeNanoseconds))
    }

    public func duration(to other: Instant) -> Duration {
      .nanoseconds(other.nanoseconds.saturatingSubtracting(self.nanoseconds))
    }

    public var description: String { "\(self.nanoseconds) ns" }
  }

  /// What stands in for the system clock. A class, so that the policies' own clock is one word, null for the system.
  private final class Replacement: Sendable {
    let now: @Sendable () -> Instant
    let sleep: @Sendable (Instant) async throws -> Void

    init(now: @escaping @Sendable () -> Instant, sleep: @escaping @Sendable (Instant) async throws -> Void) {
      self.now = now
      self.sleep = sleep
    }
  }

  private let replacement: Replacement?

  /// The system's monotonic clock.
  public static let system = PolicyClock(replacement: nil)

  private init(replacement: Replacement?) {
    self.replacement = replacement
  }

  /// A clock of the caller's making, read and slept by from any thread.
  ///
  /// - Parameters:
  ///   - now: Tells the time.
  ///   - sleep: Returns when the clock shows the instant or later; throws `CancellationError` as soon as the task is
  ///     cancelled.
  public init(
    now: @escaping @Sendable () -> Instant,
    sleep: @escaping @Sendable (Instant) async throws -> Void
  ) {
    self.init(replacement: Replacement(now: now, sleep: sleep))
  }

  /// Any clock of the standard library's kind, its first moment being now.
  public init<Base: Clock<Duration>>(_ base: Base) {
    let start = base.now
    self.init(
      now: { Instant(nanoseconds: start.duration(to: base.now).wholeNanoseconds) },
      sleep: { try await base.sleep(until: start.advanced(by: .nanoseconds($0.nanoseconds)), tolerance: nil) }
    )
  }

  public var now: Instant { Instant(nanoseconds: self.nanoseconds) }

  /// The time as the machines take it: that of ``now``.
  @usableFromInline
  package var nanoseconds: Int64 {
    guard let replacement else { return systemNanoseconds() }
    return replacement.now().nanoseconds
  }

  /// The time, where it was read already: the system's monotonic clock showed `known` a moment ago.
  package func nanoseconds(ifSystem known: Int64) -> Int64 {
    self.replacement.map { $0.now().nanoseconds } ?? known
  }

  /// An instant that now is at least, and by less than ``coarseness`` more: a quarter of the cost of ``nanoseconds``. For
  /// the question whether something is still far off.
  package var coarseNanoseconds: Int64 {
    guard let replacement else { return systemCoarseNanoseconds() }
    return replacement.now().nanoseconds
  }

  /// Three ticks of a kernel with the slowest timer in use, 100 a second, in nanoseconds.
  package static let coarseness: Int64 = 30_000_000

  public var minimumResolution: Duration { .nanoseconds(1) }

  /// Sleeps until the clock shows `deadline`.
  ///
  /// - Throws: `CancellationError` as soon as the task is cancelled.
  public func sleep(until deadline: Instant, tolerance: Duration? = nil) async throws {
    if let replacement {
      try await replacement.sleep(deadline)
    } else {
      try await Self.sleepBySystem(until: deadline, tolerance: tolerance, inPartsOf: .seconds(10))
    }
  }

  /// Sleeps in parts, because a `Task.sleep` that is cancelled leaves its timer and its task, some 700 bytes, until the
  /// time at which it was to end. Most sleeps of policies are cancelled: they watch over something that goes well.
  package static func sleepBySystem(
    until deadline: Instant,
    tolerance: Duration?,
    inPartsOf longest: Duration
  ) async throws {
    var left: Duration
    repeat {
      left = Instant(nanoseconds: systemNanoseconds()).duration(to: deadline)
      let part = min(left, longest)
      try await Task.sleep(until: .now.advanced(by: part), tolerance: tolerance, clock: .suspending)
    } while left > longest
  }
}
