import NIOCore
import Synchronization

/// A value that is set once and awaited by any number of tasks.
final class Promise<Value: Sendable>: Sendable {
  private struct State {
    var result: Result<Value, any Error>?
    var waiters: [Int: CheckedContinuation<Value, any Error>] = [:]
    var nextKey = 0
  }

  private let state = Mutex(State())

  /// Sets the value; without effect the second time.
  func complete(_ result: Result<Value, any Error>) {
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
  func value() async throws -> Value {
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

/// How a server is told to stop.
final class StopSignal: Sendable {
  enum Mode: Hashable, Sendable {
    /// Calls in flight may finish.
    case gracefully
    /// Calls in flight are cancelled.
    case now
  }

  private let promise = Promise<Mode>()

  func send(_ mode: Mode) {
    self.promise.complete(.success(mode))
  }

  /// How the server is to stop, as soon as it is to.
  func wait() async -> Mode {
    (try? await self.promise.value()) ?? .now
  }
}

extension TimeAmount {
  init(_ duration: Duration) {
    let (seconds, attoseconds) = duration.components
    let (nanoseconds, overflow) = seconds.multipliedReportingOverflow(by: 1_000_000_000)
    self = overflow ? .hours(24 * 365) : .nanoseconds(nanoseconds &+ attoseconds / 1_000_000_000)
  }
}
