import Synchronization

/// An answer that comes once, to one task that waits for it.
final class Promise<Answer: Sendable>: Sendable {
  private enum State {
    case empty
    case awaited(CheckedContinuation<Answer, Never>)
    case answered(Answer)
    case taken
  }

  private let state = Mutex(State.empty)

  /// Gives the answer; the first one counts.
  ///
  /// - Returns: Whether this was the first. A giver that comes second keeps what it wanted to give.
  @discardableResult
  func answer(_ answer: Answer) -> Bool {
    let (isFirst, continuation): (Bool, CheckedContinuation<Answer, Never>?) = self.state.withLock { state in
      switch state {
      case .empty:
        state = .answered(answer)
        return (true, nil)
      case .awaited(let continuation):
        state = .taken
        return (true, continuation)
      case .answered, .taken:
        return (false, nil)
      }
    }
    continuation?.resume(returning: answer)
    return isFirst
  }

  /// The answer, if it is there already; then nobody else gets it.
  func take() -> Answer? {
    self.state.withLock { state in
      guard case .answered(let answer) = state else { return nil }
      state = .taken
      return answer
    }
  }

  /// Waits for the answer, once.
  ///
  /// Neither the task's cancellation nor the deadline ends the wait by itself: each tells `withdraw`, whose part it is
  /// to take the waiter out of its queue and to answer, unless it has been served in the meantime.
  func wait(
    until deadline: Int64?,
    on clock: PolicyClock,
    withdraw: @escaping @Sendable (Withdrawal) -> Void
  ) async -> Answer {
    if let answer = self.take() { return answer }
    let timer = deadline.map { deadline in
      Task {
        try await clock.sleep(until: PolicyClock.Instant(nanoseconds: deadline))
        withdraw(.deadline)
      }
    }
    defer { timer?.cancel() }
    return await withTaskCancellationHandler {
      await withCheckedContinuation { continuation in
        let answer: Answer? = self.state.withLock { state in
          guard case .answered(let answer) = state else {
            state = .awaited(continuation)
            return nil
          }
          state = .taken
          return answer
        }
        if let answer { continuation.resume(returning: answer) }
      }
    } onCancel: {
      withdraw(.cancellation)
    }
  }
}

/// Why a waiter leaves its queue before its turn.
enum Withdrawal: Hashable, Sendable {
  case deadline
  case cancellation
}
