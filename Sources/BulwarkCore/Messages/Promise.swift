import Synchronization

/// A value that is set once and awaited by any number of tasks.
package final class Promise<Value: Sendable>: Sendable {
  private struct State {
    var result: Result<Value, any Error>?
    var waiters: [Int: CheckedContinuation<Value, any Error>] = [:]
    var nextKey = 0
  }

  private let state = Mutex(State())

  package init() {}

  /// Sets the value; without effect the second time.
  package func complete(_ result: Result<Value, any Error>) {
    let waiters = self.state.withLock { state in
      guard state.result == nil else { return [CheckedContinuation<Value, any Error>]() }
      state.result = result
      defer { state.waiters = [:] }
      return Array(state.waiters.values)
    }
    for waiter in waiters {
      waiter.resume(with: result)
    }
  }

  /// The value, as soon as it is set; throws `CancellationError` if the waiting task is cancelled before.
  package func value() async throws -> Value {
    let key = self.state.withLock { state in
      state.nextKey += 1
      return state.nextKey
    }
    return try await withTaskCancellationHandler {
      try await withCheckedThrowingContinuation { continuation in
        let result = self.state.withLock { state -> Result<Value, any Error>? in
          if let result = state.result { return result }
          if Task.isCancelled { return .failure(CancellationError()) }
          state.waiters[key] = continuation
          return nil
        }
        if let result { continuation.resume(with: result) }
      }
    } onCancel: {
      let waiter = self.state.withLock { $0.waiters.removeValue(forKey: key) }
      waiter?.resume(throwing: CancellationError())
    }
  }
}
