public import BulwarkCore
public import BulwarkWire
public import struct NIOCore.ByteBuffer

/// A client of an ``InProcessServer``: calls cost no socket, no bytes of HTTP/2 and, for a unary handler that does not
/// wait, no thread switch.
///
/// Safe to use from any task. There is nothing to close.
public final class InProcessClient: CallInvoker {
  private let server: InProcessServer
  private let identity: Peer
  private let limits: WireLimits

  /// Creates a client.
  ///
  /// - Parameters:
  ///   - server: what is called.
  ///   - peer: who the server is told is calling, what gates and limits per peer go by: `inproc:` if nothing is said.
  ///   - limits: the bounds of messages and metadata; the receive limit is the default of every call.
  public init(
    to server: InProcessServer,
    as peer: Peer = Peer(address: "inproc:"),
    limits: WireLimits = WireLimits()
  ) {
    self.server = server
    self.identity = peer
    self.limits = limits
  }

  /// The server.
  public var peer: Peer { self.server.peer }

  /// The same client with interceptors around its calls, the first of a level outermost.
  public func intercepted(by interceptors: [any Interceptor]) -> InterceptedInvoker {
    InterceptedInvoker(self, interceptors: interceptors, peer: self.peer, time: self.server.clock.time)
  }

  /// What adds call credentials to this client's calls, for ``intercepted(by:)``. Nobody else reads them.
  public func authentication(by credentials: CallCredentials) -> any Interceptor {
    credentials.interceptor(authority: self.peer.address, isPrivate: true, clock: self.server.clock)
  }

  /// The same client with policies around its calls, and other interceptors outside.
  ///
  /// Circuits, limits and bulkheads are kept by the name of the server.
  public func protected(by policies: any CallProtection, interceptors: [any Interceptor] = [])
    -> InterceptedInvoker
  {
    self.intercepted(by: interceptors + [policies.clientInterceptor(to: self.peer.address)])
  }

  public func unary(
    _ method: MethodDescriptor,
    _ message: ByteBuffer,
    _ options: CallOptions
  ) async throws(RPCError) -> Response<ByteBuffer> {
    guard !Task.isCancelled else { throw .cancelledByCaller }
    let call = try self.outgoing(method, options)
    try WireForm.checkSent(message.readableBytes, self.limits)
    let caller = UnaryCaller()
    guard let exchange = try self.server.unary(call, message, caller) else {
      return try await self.stream(method, options, onlyRequest: message).onlyAnswer()
    }
    let answer = await self.answer(of: exchange, caller)
    let response = try answer.get()
    guard response.message.readableBytes <= call.maxResponseBytes else {
      throw .messageTooLarge(response.message.readableBytes, limit: call.maxResponseBytes)
    }
    return response
  }

  private func answer(of exchange: Exchange, _ caller: UnaryCaller) async -> UnaryCaller.Answer {
    if let answer = caller.answer { return answer }
    return await withTaskCancellationHandler {
      await withCheckedContinuation { caller.wait($0) }
    } onCancel: {
      exchange.cancel(.cancelledByCaller)
    }
  }

  public func stream(
    _ method: MethodDescriptor,
    _ options: CallOptions,
    onlyRequest: ByteBuffer?
  ) -> any ClientStream {
    do throws(RPCError) {
      let call = try self.outgoing(method, options)
      let stream = self.server.makeStream(call)
      do throws(RPCError) {
        if let onlyRequest {
          try WireForm.checkSent(onlyRequest.readableBytes, self.limits)
          stream.requests.send(only: onlyRequest)
        }
        try self.server.start(call, on: stream)
      } catch {
        stream.failed(error)
      }
      return stream
    } catch {
      return FailedClientStream(error: error)
    }
  }

  private func outgoing(_ method: MethodDescriptor, _ options: CallOptions) throws(RPCError) -> OutgoingCall {
    let start = self.server.clock.now
    let own = options.timeout.map { start.advanced(by: $0) }
    let deadline = MonotonicInstant.earliest(
      .earliest(own, options.deadline),
      CallContext.current?.deadline
    )
    if let deadline, deadline <= start { throw .deadlineExceeded }
    return OutgoingCall(
      method: method,
      metadata: try WireForm.request(options.metadata, self.limits),
      peer: self.identity,
      start: start,
      deadline: deadline,
      maxResponseBytes: options.maxResponseBytes ?? self.limits.maxReceiveMessageBytes,
      limits: self.limits
    )
  }
}

/// A call on its way from a client to its server.
struct OutgoingCall {
  let method: MethodDescriptor
  let metadata: Metadata
  /// Who calls.
  let peer: Peer
  let start: MonotonicInstant
  let deadline: MonotonicInstant?
  let maxResponseBytes: Int
  /// Those of the client.
  let limits: WireLimits
}

extension ClientStream {
  /// What a unary call makes of a response.
  fileprivate func onlyAnswer() async throws(RPCError) -> Response<ByteBuffer> {
    guard let message = try await self.next() else { throw .missingAnswer }
    guard try await self.next() == nil else {
      self.cancel()
      throw .secondAnswer
    }
    return Response(
      message: message,
      metadata: try await self.initialMetadata(),
      trailingMetadata: self.trailingMetadata
    )
  }
}
