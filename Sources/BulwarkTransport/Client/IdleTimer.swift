import BulwarkCore
import BulwarkWire
import NIOCore

/// Looks now and then whether a client has calls, and says once when there have been none for long.
///
/// Used on its event loop only.
final class IdleTimer {
  private var machine: IdleMachine
  private var timer: DeadlineTimer?

  /// - Parameters:
  ///   - calls: how many calls are open, and how many there have been.
  ///   - goIdle: called once.
  init(
    timeout: Duration,
    on eventLoop: any EventLoop,
    calls: @escaping () -> (open: Int, total: UInt64),
    goIdle: @escaping () -> Void
  ) {
    self.machine = IdleMachine(timeout: timeout, now: .now())
    self.timer = DeadlineTimer(on: eventLoop) { [weak self] in
      guard let self else { return }
      let (open, total) = calls()
      switch self.machine.fired(openCalls: open, calls: total, now: .now()) {
      case .doNothing: self.timer?.update(self.machine.next)
      case .goIdle: goIdle()
      }
    }
    self.timer?.update(self.machine.next)
  }

  func stop() {
    self.timer?.stop()
  }
}
