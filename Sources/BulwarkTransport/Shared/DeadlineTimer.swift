import BulwarkCore
import NIOCore

/// The one timer of a connection, kept at the earliest deadline that the connection has.
///
/// Moving to a later deadline costs nothing: the callback fires at the old one, finds nothing due and arms
/// itself again. So a stream of calls with a timeout each arms it once per timeout, not once per call.
///
/// Used on its event loop only.
final class DeadlineTimer: NIOScheduledCallbackHandler {
  private let eventLoop: any EventLoop
  private var fire: () -> Void
  private var armed: (instant: MonotonicInstant, callback: NIOScheduledCallback)?
  private var isStopped = false

  /// - Parameter fire: called on the loop when a deadline may have been reached; it ends with `update`.
  init(on eventLoop: any EventLoop, fire: @escaping () -> Void) {
    self.eventLoop = eventLoop
    self.fire = fire
  }

  /// Makes sure that the timer fires no later than this instant.
  func update(_ next: MonotonicInstant?) {
    guard let next, !self.isStopped else { return }
    if let armed = self.armed {
      guard next < armed.instant else { return }
      armed.callback.cancel()
    }
    // Scheduling fails only while the loop shuts down; then there is nothing left to time.
    let callback = try? self.eventLoop.assumeIsolated().scheduleCallback(at: NIODeadline(next), handler: self)
    self.armed = callback.map { (next, $0) }
  }

  /// Never fires again, and lets go of what it would have called.
  func stop() {
    self.isStopped = true
    self.fire = {}
    self.armed?.callback.cancel()
    self.armed = nil
  }

  func handleScheduledCallback(eventLoop: some EventLoop) {
    self.armed = nil
    guard !self.isStopped else { return }
    self.fire()
  }
}
