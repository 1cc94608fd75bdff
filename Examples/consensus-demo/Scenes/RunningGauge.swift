import Bulwark
import Synchronization

/// Stands on a server behind its policies, and knows how many calls ran at once at most.
final class RunningGauge: Interceptor {
  private let state = Mutex((running: 0, most: 0))

  /// The most since the last ``reset()``.
  var most: Int { self.state.withLock(\.most) }

  /// Begins anew.
  func reset() {
    self.state.withLock { $0.most = $0.running }
  }

  func intercept(_ request: CallRequest, next: NextCall) async throws(RPCError) -> CallResponse {
    self.state.withLock { state in
      state.running += 1
      state.most = max(state.most, state.running)
    }
    defer { self.state.withLock { $0.running -= 1 } }
    return try await next(request)
  }
}
