import BulwarkCore
import NIOCore

/// Keeps an event loop awake for a while after traffic, so that what comes next need not wake it.
///
/// A loop with a task to run looks at its sockets without waiting; so there is one task that makes itself again, for all
/// connections of the loop, until the time is up. Used on its event loop only.
final class BusyPoll {
  /// Longer is no answer to latency any more, but a core that is always busy.
  static let longest = Duration.milliseconds(10)

  private let eventLoop: any EventLoop
  private let nanoseconds: Int64
  private var end = MonotonicInstant.now()
  private(set) var isPolling = false

  /// Nil where no time is given, which costs nothing.
  init?(_ time: Duration, on eventLoop: any EventLoop) {
    guard time > .zero else { return nil }
    self.eventLoop = eventLoop
    self.nanoseconds = min(time, Self.longest).saturatedNanoseconds
  }

  /// Bytes have come or gone.
  func hasTraffic() {
    self.end = MonotonicInstant.now().advanced(byNanoseconds: self.nanoseconds)
    guard !self.isPolling else { return }
    self.isPolling = true
    self.poll()
  }

  private func poll() {
    self.eventLoop.assumeIsolated().execute {
      if MonotonicInstant.now() < self.end {
        self.poll()
      } else {
        self.isPolling = false
      }
    }
  }
}
