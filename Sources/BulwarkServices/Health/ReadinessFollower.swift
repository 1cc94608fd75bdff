import BulwarkResilience
import Synchronization

/// Reports a manager's readiness: at the start, after each event that can change it, and when a break is over.
final class ReadinessFollower: Sendable {
  private struct Observer: PolicyObserver {
    let update: @Sendable () -> Void

    func observe(_ event: PolicyEvent) {
      switch event.occurrence {
      case .transitioned, .reconfigured: self.update()
      case .rejected, .retrying, .gaveUp, .hedged, .timedOut: break
      }
    }
  }

  private struct State {
    var observer: PolicyEvents.ObserverID?
    var timer: Task<Void, Never>?
  }

  private let manager: ResilienceManager
  private let maximumOpenCircuits: Int
  private let report: @Sendable (Bool) -> Void
  private let state = Mutex(State())

  init(
    _ manager: ResilienceManager,
    maximumOpenCircuits: Int,
    report: @escaping @Sendable (Bool) -> Void
  ) {
    self.manager = manager
    self.maximumOpenCircuits = maximumOpenCircuits
    self.report = report
  }

  deinit {
    let state = self.state.withLock { $0 }
    state.timer?.cancel()
    if let observer = state.observer { self.manager.events.removeObserver(observer) }
  }

  func start() {
    let observer = self.manager.events.addObserver(Observer { [weak self] in self?.update() })
    self.state.withLock { $0.observer = observer }
    self.update()
  }

  /// Under the lock from the question to the report, or two threads could report in another order than they asked.
  /// Policies have let go of theirs when they tell an event.
  private func update() {
    self.state.withLock { state in
      self.report(self.manager.readiness(maximumOpenCircuits: self.maximumOpenCircuits).isReady)
      state.timer?.cancel()
      state.timer = self.manager.timeToBreakEnd.map { self.updateLater(in: $0) }
    }
  }

  private func updateLater(in duration: Duration) -> Task<Void, Never> {
    let clock = self.manager.clock
    let instant = clock.now.advanced(by: duration)
    return Task { [weak self] in
      guard (try? await clock.sleep(until: instant)) != nil else { return }
      self?.update()
    }
  }
}
