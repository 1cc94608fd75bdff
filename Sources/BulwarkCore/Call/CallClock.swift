/// A clock that a component reads, and waits by: the system's monotonic one in production, a virtual one in tests.
public struct CallClock: Sendable {
  /// Where the time is read.
  public let time: TimeSource

  private let wait: @Sendable (MonotonicInstant) async throws -> Void

  /// Creates a clock of the caller's making, used from any thread.
  ///
  /// - Parameters:
  ///   - time: tells the time.
  ///   - sleep: returns when the time has come; throws `CancellationError` as soon as the task is cancelled.
  public init(time: TimeSource, sleep: @escaping @Sendable (MonotonicInstant) async throws -> Void) {
    self.time = time
    self.wait = sleep
  }

  /// The system's monotonic clock. Time in which the machine is suspended does not count.
  public static let system = CallClock(time: .system) { instant in
    // In parts: a sleep that is cancelled leaves its timer and its task, some 700 bytes, until the time at which it was to
    // end, and what watches over a call is cancelled by the call's end.
    let longest = Duration.seconds(10)
    var left: Duration
    repeat {
      left = MonotonicInstant.now().duration(to: instant)
      try await Task.sleep(for: min(left, longest), clock: .suspending)
    } while left > longest
  }

  /// The time now.
  public var now: MonotonicInstant { self.time.now }

  /// Suspends until the clock shows the instant, not at all if it has passed.
  ///
  /// - Throws: `CancellationError` as soon as the task is cancelled.
  public func sleep(until instant: MonotonicInstant) async throws {
    try await self.wait(instant)
  }
}
