public import Bulwark

/// On a server: finds out who calls, and turns away who is nobody. Handlers read `Identity.current`.
public struct Authentication: Interceptor {
  let identify: @Sendable (_ token: String) -> Identity?

  public init(_ identify: @escaping @Sendable (_ token: String) -> Identity?) { self.identify = identify }

  public func intercept(_ request: CallRequest, next: NextCall) async throws(RPCError) -> CallResponse {
    guard let token = request.metadata["authorization"], let identity = self.identify(token) else {
      throw RPCError(code: .unauthenticated, message: "the call carries no valid token")
    }
    return try await withTaskLocal(Identity.$current, identity) { () throws(RPCError) in
      try await next(request)
    }
  }
}

/// On a client: sends a token with every call.
public struct TokenInterceptor: Interceptor {
  let token: String

  public init(_ token: String) { self.token = token }

  public func intercept(_ request: CallRequest, next: NextCall) async throws(RPCError) -> CallResponse {
    var request = request
    request.metadata.add(self.token, for: "authorization")
    return try await next(request)
  }
}

/// Who makes a call.
public struct Identity: Hashable, Sendable {
  public let name: String

  public init(name: String) { self.name = name }

  /// Who makes the call that this task runs for.
  @TaskLocal public static var current: Identity?
}
