import BulwarkCore
import Synchronization

@testable import BulwarkTransport

/// An interceptor that keeps how each call ended, as it was told.
final class EndWatcher: Interceptor {
  private struct State {
    var started = 0
    var ends: [StatusCode] = []
  }

  private let state = Mutex(State())
  private let firstEnd = Promise<StatusCode>()

  var started: Int { self.state.withLock { $0.started } }
  var ends: [StatusCode] { self.state.withLock { $0.ends } }

  /// The first end, as soon as there is one.
  var end: StatusCode {
    get async throws { try await self.firstEnd.value() }
  }

  func intercept(_ request: CallRequest, next: NextCall) async throws(RPCError) -> CallResponse {
    self.state.withLock { $0.started += 1 }
    do {
      let response = try await next(request)
      self.ended(.ok)
      return response
    } catch {
      self.ended(error.code)
      throw error
    }
  }

  private func ended(_ code: StatusCode) {
    self.state.withLock { $0.ends.append(code) }
    self.firstEnd.complete(.success(code))
  }
}
