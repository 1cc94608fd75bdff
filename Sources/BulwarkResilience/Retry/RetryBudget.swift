import Synchronization

/// Bounds how much load retries and hedges may add, so that they do not finish off whoever is failing.
///
/// Share one between all policies whose attempts go to the same callee: a ``Retry`` and a ``Hedge`` take each attempt
/// beyond the first from it. Safe to use from any thread; a success that changes nothing costs a load, a request in the
/// ratio form a clock read and one exchange on a cache line of the thread's stripe.
public final class RetryBudget: Sendable {
  private struct State {
    var options: RetryBudgetOptions
    var machine: RetryBudgetMachine
    var withdrawn = 0
    var refused = 0
    /// How often the account began anew.
    var renewals = 0
  }

  /// One retry that was paid for, by which it can be given back.
  struct Withdrawal {
    fileprivate let epoch: RetryBudgetMachine.Epoch
    fileprivate let renewals: Int
  }

  private let clock: PolicyClock
  private let requests = RequestWindow()
  // What `State` says, for those who do not take its lock.
  private let width: Atomic<Int64>
  private let isFull = Atomic(true)
  private let state: Mutex<State>

  /// A budget with all that it can hold.
  ///
  /// - Throws: ``InvalidOption`` if an option is out of range.
  public init(_ options: RetryBudgetOptions = .ratio(), clock: PolicyClock = .system) throws(InvalidOption) {
    try options.validate()
    let machine = RetryBudgetMachine(options)
    self.clock = clock
    self.width = Atomic(machine.width)
    self.state = Mutex(State(options: options, machine: machine))
  }

  /// The options now in force.
  public var options: RetryBudgetOptions { self.state.withLock { $0.options } }

  /// Replaces the options. If they differ, the account begins anew, with all that it can hold.
  ///
  /// - Throws: ``InvalidOption`` if an option is out of range; then nothing changes.
  public func reconfigure(_ options: RetryBudgetOptions) throws(InvalidOption) {
    try options.validate()
    self.state.withLock { state in
      guard options != state.options else { return }
      state.options = options
      state.machine = RetryBudgetMachine(options)
      state.renewals += 1
      self.width.store(state.machine.width, ordering: .relaxed)
      self.isFull.store(true, ordering: .relaxed)
      self.requests.clear()
    }
  }

  /// What has happened so far.
  public var stats: RetryBudgetStats {
    let now = self.clock.nanoseconds
    return self.state.withLock { state in
      let requests = self.requests(of: &state.machine, at: now)
      return RetryBudgetStats(
        withdrawn: state.withdrawn,
        refused: state.refused,
        available: Int(clamping: state.machine.available(requests: requests))
      )
    }
  }

  /// An operation starts: its first attempt earns a part of a retry in the ratio form.
  public func recordRequest() {
    let width = self.width.load(ordering: .relaxed)
    guard width > 0 else { return }
    self.requests.add(in: RequestWindow.epoch(of: self.clock.nanoseconds, width: width))
  }

  /// An attempt succeeded: it earns a part of a retry in the token form.
  public func recordSuccess() {
    guard !self.isFull.load(ordering: .relaxed) else { return }
    self.state.withLock { state in
      state.machine.succeeded()
      self.isFull.store(state.machine.isFull, ordering: .relaxed)
    }
  }

  /// An attempt failed in a way that another one might mend: it costs a token in the token form.
  public func recordFailure() {
    guard self.width.load(ordering: .relaxed) == 0 else { return }
    self.state.withLock { state in
      state.machine.failed()
      self.isFull.store(state.machine.isFull, ordering: .relaxed)
    }
  }

  /// Takes one retry out, if there is one.
  public func withdraw() -> Bool { self.take() != nil }

  /// Takes one retry out, if there is one, so that it can be given back.
  func take() -> Withdrawal? {
    let now = self.clock.nanoseconds
    return self.state.withLock { state in
      let requests = self.requests(of: &state.machine, at: now)
      guard let epoch = state.machine.withdraw(requests: requests) else {
        state.refused += 1
        return nil
      }
      state.withdrawn += 1
      return Withdrawal(epoch: epoch, renewals: state.renewals)
    }
  }

  /// Gives back, once, what was taken for a retry that was not made.
  func refund(_ withdrawal: Withdrawal) {
    self.state.withLock { state in
      state.withdrawn -= 1
      if withdrawal.renewals == state.renewals { state.machine.refund(withdrawal.epoch) }
    }
  }

  private func requests(of machine: inout RetryBudgetMachine, at now: Int64) -> Int64 {
    let epoch = machine.advance(to: now)
    return machine.width > 0 ? self.requests.count(endingIn: epoch) : 0
  }
}
