import BulwarkCore
import NIOCore

/// Asks a resolver, on behalf of a client, when there is reason to. Used on the client's event loop only.
final class Resolution {
  private let resolver: any EndpointResolver
  private let eventLoop: any EventLoop
  private let onResult: (Result<[ResolvedEndpoint], RPCError>) -> Void
  private var task: Task<Void, Never>?

  init(
    _ resolver: any EndpointResolver,
    on eventLoop: any EventLoop,
    onResult: @escaping (Result<[ResolvedEndpoint], RPCError>) -> Void
  ) {
    self.resolver = resolver
    self.eventLoop = eventLoop
    self.onResult = onResult
  }

  func begin() {
    // A list that is known needs no task, and the first call no detour.
    if let fixed = self.resolver as? FixedEndpoints {
      self.onResult(.success(fixed.list))
      return
    }
    self.resolve()
  }

  func request() {}

  func refresh() {}

  func stop() {
    self.task?.cancel()
  }

  private func resolve() {
    let resolution = NIOLoopBound(self, eventLoop: self.eventLoop)
    let resolver = self.resolver
    let eventLoop = self.eventLoop
    self.task = Task {
      let result: Result<[ResolvedEndpoint], RPCError>
      do {
        result = .success(try await resolver.resolve())
      } catch {
        result = .failure(.notResolved(error, by: resolver))
      }
      eventLoop.execute {
        resolution.value.ended(result)
      }
    }
  }

  private func ended(_ result: Result<[ResolvedEndpoint], RPCError>) {
    self.task = nil
    self.onResult(result)
  }
}

extension RPCError {
  fileprivate static func notResolved(_ error: any Error, by resolver: any EndpointResolver) -> RPCError {
    RPCError(
      code: .unavailable,
      message: "\(resolver.authority) could not be resolved: \(error)",
      origin: .transport
    )
  }
}
