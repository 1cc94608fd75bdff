import BulwarkCore
import BulwarkWire
import Synchronization

/// The calls of a server whose handlers have not returned, and the deadlines of all of them. Safe from any thread.
final class RunningCalls: Sendable {
  private struct State {
    var count = 0
    /// Those that did not end before their start was over.
    var calls: [ObjectIdentifier: Exchange] = [:]
    var deadlines = DeadlineTable<ObjectIdentifier>()
    /// When the timer goes off; nil if there is none.
    var wakeAt: MonotonicInstant?
    var timer: Task<Void, Never>?
    var isStopping = false
    var hasGivenUp = false
    var waiters: [CheckedContinuation<Void, Never>] = []

    mutating func takeWaiters() -> [CheckedContinuation<Void, Never>] {
      guard self.isStopping, self.count == 0 || self.hasGivenUp else { return [] }
      defer { self.waiters = [] }
      return self.waiters
    }
  }

  let clock: CallClock
  private let state = Mutex(State())

  init(clock: CallClock) {
    self.clock = clock
  }

  deinit {
    self.state.withLock { $0.timer?.cancel() }
  }

  var count: Int { self.state.withLock { $0.count } }

  // MARK: - Calls

  /// Counts a new call; false if the server takes none any more.
  func begin() -> Bool {
    self.state.withLock { state in
      guard !state.isStopping else { return false }
      state.count += 1
      return true
    }
  }

  /// Holds a call whose handler goes on.
  func keep(_ call: Exchange, deadline: MonotonicInstant?) {
    self.state.withLock { state in
      state.calls[ObjectIdentifier(call)] = call
      guard let deadline else { return }
      state.deadlines.insert(ObjectIdentifier(call), at: deadline)
      self.setTimer(&state)
    }
  }

  /// A call that was counted is over, and with it `call` if that was kept.
  func ended(_ call: Exchange?) {
    let waiters = self.state.withLock { state in
      if let call {
        state.calls[ObjectIdentifier(call)] = nil
        state.deadlines.remove(ObjectIdentifier(call))
      }
      state.count -= 1
      return state.takeWaiters()
    }
    for waiter in waiters { waiter.resume() }
  }

  // MARK: - Deadlines

  /// One timer stands for all: it is set for the earliest deadline there was, and looks for the next when it goes off.
  private func setTimer(_ state: inout State) {
    guard let earliest = state.deadlines.earliest else { return }
    if let wakeAt = state.wakeAt, wakeAt <= earliest { return }
    state.wakeAt = earliest
    state.timer?.cancel()
    state.timer = Task.detached { [weak self, clock] in
      guard (try? await clock.sleep(until: earliest)) != nil else { return }
      self?.deadlineReached()
    }
  }

  private func deadlineReached() {
    let due = self.state.withLock { state in
      var due: [Exchange] = []
      let now = self.clock.now
      while let key = state.deadlines.popExpired(now: now) {
        if let call = state.calls[key] { due.append(call) }
      }
      state.wakeAt = nil
      self.setTimer(&state)
      return due
    }
    for call in due { call.runOutOfTime() }
  }

  // MARK: - Stopping

  /// Lets no call begin any more: true the first time.
  func beginStop() -> Bool {
    self.state.withLock { state in
      defer { state.isStopping = true }
      return !state.isStopping
    }
  }

  func abort(_ error: RPCError) {
    for call in self.state.withLock({ Array($0.calls.values) }) { call.abort(error) }
  }

  /// Stops waiting for handlers that do not return.
  func giveUp() {
    let waiters = self.state.withLock { state in
      state.hasGivenUp = true
      return state.takeWaiters()
    }
    for waiter in waiters { waiter.resume() }
  }

  /// Returns when no call runs any more and none can begin.
  func waitUntilEmpty() async {
    await withCheckedContinuation { continuation in
      let waiters = self.state.withLock { state in
        state.waiters.append(continuation)
        return state.takeWaiters()
      }
      for waiter in waiters { waiter.resume() }
    }
  }
}
