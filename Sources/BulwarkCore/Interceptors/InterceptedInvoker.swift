public import struct NIOCore.ByteBuffer
import Synchronization

/// A client with interceptors around its calls.
///
/// Which of them apply to a method, and in which order, is settled at the method's first call and kept. A method that
/// none applies to goes straight to the client below.
public final class InterceptedInvoker: CallInvoker {
  private let base: any CallInvoker
  private let interceptors: [any Interceptor]
  private let peer: @Sendable () -> Peer
  private let time: TimeSource
  private let compression: CompressionAlgorithm
  private let chains = Chains()

  /// Puts interceptors around the calls of a client, the first of a level outermost.
  ///
  /// - Parameters:
  ///   - base: what makes the calls.
  ///   - interceptors: what stands around them.
  ///   - peer: where the calls go, as interceptors are told: asked once for each call.
  ///   - time: the clock that deadlines are instants of.
  ///   - compression: what the client below compresses requests with unless a call says otherwise. A request is then
  ///     compressed once, however many attempts are made.
  public init(
    _ base: any CallInvoker,
    interceptors: [any Interceptor],
    peer: @autoclosure @escaping @Sendable () -> Peer,
    time: TimeSource,
    compression: CompressionAlgorithm = .identity
  ) {
    self.base = base
    self.interceptors = interceptors
    self.peer = peer
    self.time = time
    self.compression = compression
  }

  public func unary(
    _ method: MethodDescriptor,
    _ message: ByteBuffer,
    _ options: CallOptions
  ) async throws(RPCError) -> Response<ByteBuffer> {
    guard let chain = self.chain(of: method) else {
      return try await self.base.unary(method, message, options)
    }
    let options = self.keepingCompression(options)
    let response = try await chain(self.request(method, options, message, .clientUnary(options)))
    guard let answer = response.message else { throw .answerWithoutMessage }
    return Response(
      message: answer,
      metadata: response.metadata,
      trailingMetadata: response.trailingMetadata,
      compression: response.compression
    )
  }

  public func stream(
    _ method: MethodDescriptor,
    _ options: CallOptions,
    onlyRequest: ByteBuffer?
  ) -> any ClientStream {
    guard let chain = self.chain(of: method) else {
      return self.base.stream(method, options, onlyRequest: onlyRequest)
    }
    let options = onlyRequest == nil ? options : self.keepingCompression(options)
    let stream = InterceptedStream()
    stream.run(chain, self.request(method, options, onlyRequest, .clientStream(options, stream)))
    return stream
  }

  /// Has the attempts of a call that compresses share what they make.
  private func keepingCompression(_ options: CallOptions) -> CallOptions {
    guard (options.compression ?? self.compression) != .identity, options.keptCompression == nil else {
      return options
    }
    var options = options
    options.keptCompression = KeptCompression()
    return options
  }

  private func request(
    _ method: MethodDescriptor,
    _ options: CallOptions,
    _ message: ByteBuffer?,
    _ target: CallRequest.Target
  ) -> CallRequest {
    let own = options.timeout.map { self.time.now.advanced(by: $0) }
    return CallRequest(
      method: method,
      side: .client,
      peer: self.peer(),
      metadata: options.metadata,
      deadline: .earliest(.earliest(own, options.deadline), CallContext.current?.deadline),
      waitForReady: options.waitForReady,
      attempt: 1,
      message: message,
      target: target
    )
  }

  /// A method's chain. One with two interceptors that make attempts refuses every call: the calls of one would be
  /// attempts of the other, and their numbers multiply.
  private func chain(of method: MethodDescriptor) -> NextCall? {
    self.chains.chain(of: method) {
      let reissuing = self.interceptors.filter { $0.level == .reissue && $0.applies(to: method) }
      if reissuing.count > 1 {
        let refusal = RPCError.reissuedTwice(method, by: reissuing)
        return { (_) throws(RPCError) in throw refusal }
      }
      return foldedChain(self.interceptors, for: method) { [base] request throws(RPCError) in
        try await request.send(on: base)
      }
    }
  }
}

/// The chains of the methods that were called so far; nil for a method that no interceptor applies to.
///
/// A class of its own around the lock, as an importer of the public class need not know the lock's layout.
private final class Chains: Sendable {
  /// A program has its methods and no more; a proxy that passes any path on must not grow without bound.
  private static let capacity = 1024

  private let byMethod = Mutex([MethodDescriptor: NextCall?]())

  func chain(of method: MethodDescriptor, make: () -> NextCall?) -> NextCall? {
    if let known = self.byMethod.withLock({ $0[method] }) { return known }
    // Made outside the lock: it asks the interceptors, which are the user's code.
    let chain = make()
    self.byMethod.withLock { chains in
      if chains.count < Self.capacity { chains[method] = .some(chain) }
    }
    return chain
  }
}

extension CallRequest {
  /// The end of a client's chain: makes one attempt.
  fileprivate func send(on base: any CallInvoker) async throws(RPCError) -> CallResponse {
    switch self.target {
    case .clientUnary(let options):
      guard let message = self.message else { throw .misplacedRequest }
      let request = try await self.requestTaps.applied(to: message)
      let response = try await base.unary(self.method, request, self.options(options))
      return CallResponse(
        message: try await self.responseTaps.applied(to: response.message),
        metadata: response.metadata,
        trailingMetadata: response.trailingMetadata,
        compression: response.compression
      )
    case .clientStream(let options, let stream):
      let message =
        if let message = self.message { try await self.requestTaps.applied(to: message) } else {
          ByteBuffer?.none
        }
      return try await stream.follow {
        StreamAttempt(
          base.stream(self.method, self.options(options), onlyRequest: message),
          requestTaps: self.requestTaps,
          responseTaps: self.responseTaps
        )
      }
    case .serverUnary, .serverStream:
      throw .misplacedRequest
    }
  }

  private func options(_ options: CallOptions) -> CallOptions {
    var options = options
    options.timeout = nil
    options.deadline = self.deadline
    options.waitForReady = self.waitForReady
    options.metadata = self.metadata
    return options
  }
}

extension RPCError {
  fileprivate static func reissuedTwice(_ method: MethodDescriptor, by interceptors: [any Interceptor])
    -> RPCError
  {
    let names = interceptors.map { "\(type(of: $0))" }.joined(separator: " and ")
    return RPCError(
      code: .internalError,
      message: """
        \(names) both make attempts out of a call of \(method), and the attempts of one would multiply with those of the \
        other. Remedy: keep one at the level `reissue`; what is to happen once around all attempts belongs to `call`, what \
        happens in each to `attempt`.
        """,
      origin: .policy
    )
  }
}
