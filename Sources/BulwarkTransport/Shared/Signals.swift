import BulwarkCore
import NIOCore

/// How a server is told to stop.
final class StopSignal: Sendable {
  enum Mode: Hashable, Sendable {
    /// Calls in flight may finish.
    case gracefully
    /// Calls in flight are cancelled.
    case now
  }

  private let promise = Promise<Mode>()

  func send(_ mode: Mode) {
    self.promise.complete(.success(mode))
  }

  /// How the server is to stop, as soon as it is to.
  func wait() async -> Mode {
    (try? await self.promise.value()) ?? .now
  }
}

extension TimeAmount {
  init(_ duration: Duration) {
    let (seconds, attoseconds) = duration.components
    let (nanoseconds, overflow) = seconds.multipliedReportingOverflow(by: 1_000_000_000)
    self = overflow ? .hours(24 * 365) : .nanoseconds(nanoseconds &+ attoseconds / 1_000_000_000)
  }
}
