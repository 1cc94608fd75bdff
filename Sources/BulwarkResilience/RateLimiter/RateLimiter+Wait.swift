import Synchronization

extension RateLimiter {
  /// Waits for permits, behind those who wait already. Fewer than one cost nothing.
  ///
  /// - Parameters:
  ///   - maximumWait: The longest to wait, if that is less than ``RateLimiterOptions/maximumWait``.
  ///   - deadline: The instant of the limiter's clock until which to wait at most.
  /// - Throws: ``PolicyError/rejected(_:)``, at once, if the wait would be too long or the queue is full;
  ///   ``PolicyError/cancelled`` if the task is cancelled while it waits.
  public func acquire(
    _ permits: Int = 1,
    maximumWait: Duration? = nil,
    deadline: PolicyClock.Instant? = nil
  ) async throws(PolicyError<Never>) {
    let turn = await self.turn(
      Int64(permits),
      within: maximumWait?.wholeNanoseconds ?? .max,
      until: deadline?.nanoseconds ?? .max
    )
    switch turn {
    case .granted: return
    case .refused(let refusal): throw .rejected(refusal.rejection(by: self.name, kind: .rateLimiter))
    case .cancelled: throw .cancelled
    }
  }

  /// Runs the operation once it has its permits. They are spent however it ends.
  ///
  /// - Parameters:
  ///   - permits: What the operation costs. Fewer than one cost nothing.
  ///   - maximumWait: The longest to wait, if that is less than ``RateLimiterOptions/maximumWait``.
  ///   - deadline: The instant of the limiter's clock until which to wait at most.
  ///   - operation: Runs at most once, in the caller's isolation.
  public func run<Value: ~Copyable, Failure: Error>(
    permits: Int = 1,
    maximumWait: Duration? = nil,
    deadline: PolicyClock.Instant? = nil,
    _ operation: () async throws(Failure) -> Value
  ) async throws(PolicyError<Failure>) -> Value {
    let turn = await self.turn(
      Int64(permits),
      within: maximumWait?.wholeNanoseconds ?? .max,
      until: deadline?.nanoseconds ?? .max
    )
    switch turn {
    case .granted: break
    case .refused(let refusal): throw .rejected(refusal.rejection(by: self.name, kind: .rateLimiter))
    case .cancelled: throw .cancelled
    }
    do {
      return try await operation()
    } catch {
      throw .operation(error)
    }
  }

  /// How a wait ends.
  enum Turn: Hashable, Sendable {
    case granted
    case refused(Refusal)
    case cancelled
  }

  /// Takes cells, waiting for them if the settings and the caller allow.
  ///
  /// - Parameters:
  ///   - wait: The longest to wait, in nanoseconds.
  ///   - deadline: The last instant to wait until.
  func turn(_ cells: Int64, within wait: Int64 = .max, until deadline: Int64 = .max) async -> Turn {
    let now = self.clock.nanoseconds
    let latest = min(now.saturatingAdding(max(wait, 0)), deadline)
    switch self.request(cells, until: latest, at: now) {
    case .granted: return .granted
    case .refused(let refusal): return .refused(refusal)
    case .mayWait: break
    }
    let turn = await self.lineUp(cells, until: latest, at: now)
    let thread = Stripe.thread
    let stripe = Stripe.index(of: thread) & 3
    switch turn {
    case .granted: self.stripes[stripe].countAdmitted(by: thread)
    case .refused(let refusal):
      self.stripes[stripe].countRefused()
      self.announce(refusal, at: self.clock.nanoseconds)
    case .cancelled: break
    }
    return turn
  }

  /// Takes cells by means of the queue: at once if they are there by now, otherwise behind those who wait.
  private func lineUp(_ cells: Int64, until latest: Int64, at now: Int64) async -> Turn {
    let promise = Promise<Turn>()
    var turn = Turn.granted
    var id: UInt64?
    self.modify(at: now) { queue, tat in
      switch queue.join(promise, cells: cells, until: latest, tat: &tat, at: now) {
      case .granted: break
      case .refused(let refusal): turn = .refused(refusal)
      case .waiting(let waiter): id = waiter
      }
      return false
    }
    guard let id else { return turn }
    return await promise.wait(until: nil, on: self.clock) { _ in self.withdraw(id) }
  }

  private func withdraw(_ id: UInt64) {
    var left: Promise<Turn>?
    self.modify(at: self.clock.nanoseconds) { queue, _ in
      left = queue.callers.leave(id)
      return false
    }
    left?.answer(.cancelled)
  }
}
