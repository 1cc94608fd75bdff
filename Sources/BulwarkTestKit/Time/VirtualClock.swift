public import BulwarkCore
import Synchronization

/// A clock that stands still until a test moves it. Safe to use from any thread.
public final class VirtualClock: Sendable {
  private let instant: Mutex<MonotonicInstant>

  /// A clock that shows `start`: one second by default, so that instants before it can be named too.
  public init(start: MonotonicInstant = MonotonicInstant(nanoseconds: 1_000_000_000)) {
    self.instant = Mutex(start)
  }

  /// The time that the clock shows.
  public var now: MonotonicInstant { self.instant.withLock { $0 } }

  /// Moves the clock on. A duration below zero does nothing: a monotonic clock never goes back.
  public func advance(by duration: Duration) {
    self.instant.withLock { $0 = max($0, $0.advanced(by: duration)) }
  }

  /// Moves the clock to an instant, or leaves it where it is if that has passed.
  public func advance(to instant: MonotonicInstant) {
    self.instant.withLock { $0 = max($0, instant) }
  }

  /// The clock as the components under test read it.
  public var timeSource: TimeSource {
    TimeSource { self.now }
  }
}
