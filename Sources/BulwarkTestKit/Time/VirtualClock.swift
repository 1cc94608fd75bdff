public import BulwarkCore
public import BulwarkResilience
import Synchronization

/// A clock that stands still until a test moves it, and wakes those who sleep by it. Safe to use from any thread.
public final class VirtualClock: Sendable {
  private typealias Sleep = CheckedContinuation<Void, any Error>

  private struct State {
    var now: MonotonicInstant
    var nextID: UInt64 = 0
    var sleepers: [UInt64: (deadline: MonotonicInstant, sleep: Sleep)] = [:]
    /// Those who wait until a number of tasks sleep.
    var watchers: [(count: Int, watch: CheckedContinuation<Void, Never>)] = []
    /// Tasks that were cancelled before their sleep began.
    var cancelled: Set<UInt64> = []

    /// Takes out the sleepers whose time has come, the earliest first.
    mutating func takeDue() -> [Sleep] {
      let due = self.sleepers.filter { $0.value.deadline <= self.now }
        .sorted { ($0.value.deadline, $0.key) < ($1.value.deadline, $1.key) }
      for (id, _) in due { self.sleepers[id] = nil }
      return due.map(\.value.sleep)
    }

    mutating func takeSatisfiedWatchers() -> [CheckedContinuation<Void, Never>] {
      let satisfied = self.watchers.filter { $0.count <= self.sleepers.count }
      self.watchers.removeAll { $0.count <= self.sleepers.count }
      return satisfied.map(\.watch)
    }
  }

  private let state: Mutex<State>

  /// A clock that shows `start`: one second by default, so that instants before it can be named too.
  public init(start: MonotonicInstant = MonotonicInstant(nanoseconds: 1_000_000_000)) {
    self.state = Mutex(State(now: start))
  }

  /// The time that the clock shows.
  public var now: MonotonicInstant { self.state.withLock { $0.now } }

  /// Moves the clock on, and wakes whoever's time has come, the earliest first. A duration below zero does nothing: a
  /// monotonic clock never goes back.
  public func advance(by duration: Duration) {
    self.move { max($0, $0.advanced(by: duration)) }
  }

  /// Moves the clock to an instant, or leaves it where it is if that has passed.
  public func advance(to instant: MonotonicInstant) {
    self.move { max($0, instant) }
  }

  /// Sets the clock to an instant, an earlier one too: what a broken clock does, and what must not break a policy.
  public func jump(to instant: MonotonicInstant) {
    self.move { _ in instant }
  }

  /// Sets the clock forward or back, as a broken clock does.
  public func jump(by duration: Duration) {
    self.move { $0.advanced(by: duration) }
  }

  private func move(_ body: (MonotonicInstant) -> MonotonicInstant) {
    let due = self.state.withLock { state in
      state.now = body(state.now)
      return state.takeDue()
    }
    for sleep in due { sleep.resume() }
  }

  /// How many tasks sleep by this clock.
  public var sleeperCount: Int { self.state.withLock { $0.sleepers.count } }

  /// When the first of those who sleep wants to wake; `nil` if nobody sleeps.
  public var nextWakeUp: MonotonicInstant? {
    self.state.withLock { state in state.sleepers.values.map(\.deadline).min() }
  }

  /// Returns once at least this many tasks sleep by the clock: what a test waits for before it moves the clock on.
  public func waitForSleepers(_ count: Int = 1) async {
    await withCheckedContinuation { watch in
      let isSatisfied = self.state.withLock { state in
        if state.sleepers.count >= count { return true }
        state.watchers.append((count, watch))
        return false
      }
      if isSatisfied { watch.resume() }
    }
  }

  /// Sleeps until a test has moved the clock to `deadline`.
  ///
  /// - Throws: `CancellationError` as soon as the task is cancelled.
  public func sleep(until deadline: MonotonicInstant) async throws {
    let id = self.state.withLock { state in
      state.nextID &+= 1
      return state.nextID
    }
    try await withTaskCancellationHandler {
      try await withCheckedThrowingContinuation { (sleep: Sleep) in
        enum OnStart { case wake, refuse, sleep([CheckedContinuation<Void, Never>]) }
        let action: OnStart = self.state.withLock { state in
          if state.cancelled.remove(id) != nil { return .refuse }
          if deadline <= state.now { return .wake }
          state.sleepers[id] = (deadline, sleep)
          return .sleep(state.takeSatisfiedWatchers())
        }
        switch action {
        case .wake: sleep.resume()
        case .refuse: sleep.resume(throwing: CancellationError())
        case .sleep(let watchers): for watch in watchers { watch.resume() }
        }
      }
    } onCancel: {
      let sleep = self.state.withLock { state in
        let sleeper = state.sleepers.removeValue(forKey: id)
        if sleeper == nil { state.cancelled.insert(id) }
        return sleeper?.sleep
      }
      sleep?.resume(throwing: CancellationError())
    }
    self.state.withLock { _ = $0.cancelled.remove(id) }
  }

  /// The clock as the components under test read it.
  public var timeSource: TimeSource {
    TimeSource { self.now }
  }

  /// The clock as servers in this process read it, and wait by it.
  public var callClock: CallClock {
    CallClock(time: self.timeSource) { try await self.sleep(until: $0) }
  }

  /// The clock as the resilience policies read it, and sleep by it.
  public var policyClock: PolicyClock {
    PolicyClock(
      now: { PolicyClock.Instant(nanoseconds: self.now.nanoseconds) },
      sleep: { try await self.sleep(until: MonotonicInstant(nanoseconds: $0.nanoseconds)) }
    )
  }
}
