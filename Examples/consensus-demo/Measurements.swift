import Synchronization

/// How long the calls took, method by method. Safe to use from any task.
final class Measurements: Sendable {
  private let state = Mutex<[String: [Duration]]>([:])

  /// The durations so far, by method.
  var durations: [String: [Duration]] { self.state.withLock { $0 } }

  /// Makes a call and notes how long it took; one that fails is not noted.
  func measure<Result>(_ method: String, _ call: () async throws -> Result) async throws -> Result {
    let started = ContinuousClock.now
    let result = try await call()
    let elapsed = started.duration(to: .now)
    self.state.withLock { $0[method, default: []].append(elapsed) }
    return result
  }
}
