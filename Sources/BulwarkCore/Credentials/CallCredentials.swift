/// What proves to a server who is calling: metadata that is made for each attempt of each call, such as a token.
///
///     let token = CallCredentials.cached { scope in
///       let token = try await issuer.token(for: scope.serviceURL)
///       return .init(["authorization": "Bearer \(token.text)"], validFor: token.lifetime)
///     }
///     let consensus = ConsensusServiceClient(client.intercepted(by: [client.authentication(by: token)]))
///
/// Of several, each adds its metadata, the outermost first. On a connection that others can read, plaintext over TCP, the
/// calls fail with UNAUTHENTICATED and nobody is asked, unless that is allowed. A Unix socket counts as private, and so
/// does a server in the same process.
///
/// A call fails with the code of the ``RPCError`` that its provider throws, or with INTERNAL where that is a code that only
/// a server's application should give (gRFC A54), and with UNAVAILABLE after any other error. It does not wait for a
/// provider beyond its deadline, nor after its cancellation.
public struct CallCredentials: Sendable {
  /// What a provider is told of a call.
  public struct Scope: Hashable, Sendable {
    /// Whom the proof is for: `https://AUTHORITY/SERVICE`, the audience of a JSON web token.
    public var serviceURL: String
    /// The method that is called.
    public var method: MethodDescriptor
  }

  /// Makes the metadata. It may be asked by many calls at once.
  public typealias Provider = @Sendable (Scope) async throws -> Metadata

  let allowsPlaintext: Bool
  let provider: Provider
  /// What is at hand without waiting.
  let kept: @Sendable (Scope) -> Metadata?

  /// Credentials that are asked for each attempt.
  ///
  /// - Parameter allowsPlaintext: whether they may be sent where others can read them.
  public init(allowsPlaintext: Bool = false, provider: @escaping Provider) {
    self.init(allowsPlaintext: allowsPlaintext, provider: provider, kept: { _ in nil })
  }

  init(
    allowsPlaintext: Bool,
    provider: @escaping Provider,
    kept: @escaping @Sendable (Scope) -> Metadata?
  ) {
    self.allowsPlaintext = allowsPlaintext
    self.provider = provider
    self.kept = kept
  }

  /// The interceptor that adds them to the calls of a client.
  ///
  /// - Parameters:
  ///   - authority: the client's `:authority`.
  ///   - isPrivate: whether nobody else reads what the client sends.
  package func interceptor(authority: String, isPrivate: Bool, clock: CallClock = .system) -> some Interceptor
  {
    CallCredentialsInterceptor(credentials: self, authority: authority, isPrivate: isPrivate, clock: clock)
  }
}

private struct CallCredentialsInterceptor: Interceptor {
  let credentials: CallCredentials
  let authority: String
  let isPrivate: Bool
  let clock: CallClock

  var level: InterceptorLevel { .attempt }

  func intercept(_ request: CallRequest, next: NextCall) async throws(RPCError) -> CallResponse {
    guard self.isPrivate || self.credentials.allowsPlaintext else { throw .credentialsInPlaintext }
    // gRPC leaves the standard port out of an audience.
    let audience = self.authority.hasSuffix(":443") ? String(self.authority.dropLast(4)) : self.authority
    let scope = CallCredentials.Scope(
      serviceURL: "https://\(audience)/\(request.method.service)",
      method: request.method
    )
    var request = request
    if let kept = self.credentials.kept(scope) {
      request.metadata.add(contentsOf: kept)
    } else {
      request.metadata.add(contentsOf: try await self.metadata(scope, before: request.deadline))
    }
    return try await next(request)
  }

  private func metadata(
    _ scope: CallCredentials.Scope,
    before deadline: MonotonicInstant?
  ) async throws(RPCError) -> Metadata {
    do {
      guard let deadline else { return try await self.credentials.provider(scope) }
      return try await self.firstOf(scope, deadline)
    } catch {
      if Task.isCancelled { throw .cancelledByCaller }
      throw RPCError(credentialsError: error)
    }
  }

  /// What the provider gives, or the end of the call's time: a provider need not know how to be cancelled.
  private func firstOf(_ scope: CallCredentials.Scope, _ deadline: MonotonicInstant) async throws -> Metadata
  {
    let answer = Promise<Metadata>()
    let asking = Task { [provider = self.credentials.provider] in
      do {
        answer.complete(.success(try await provider(scope)))
      } catch {
        answer.complete(.failure(error))
      }
    }
    let timing = Task { [clock] in
      try await clock.sleep(until: deadline)
      answer.complete(
        .failure(RPCError(code: .deadlineExceeded, message: "the call credentials took too long"))
      )
    }
    defer {
      asking.cancel()
      timing.cancel()
    }
    return try await answer.value()
  }
}

extension RPCError {
  static let credentialsInPlaintext = RPCError(
    code: .unauthenticated,
    message: "call credentials are not sent in plaintext: use TLS, or allow it (allowsPlaintext)"
  )

  /// The codes of gRFC A54: what a provider says of a call is not what the server's application says.
  private static let applicationCodes: Set<StatusCode> = [
    .ok, .invalidArgument, .notFound, .alreadyExists, .failedPrecondition, .aborted, .outOfRange, .dataLoss,
  ]

  fileprivate init(credentialsError error: any Error) {
    guard let error = error as? RPCError else {
      self.init(code: .unavailable, message: "the call credentials could not be had: \(error)")
      return
    }
    self = error
    if Self.applicationCodes.contains(error.code) {
      self.init(
        code: .internalError,
        message:
          "the call credentials failed with \(error.code), which is for the server to say: \(error.message)"
      )
    }
  }
}
