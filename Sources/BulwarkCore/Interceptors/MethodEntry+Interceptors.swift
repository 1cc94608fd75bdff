import struct NIOCore.ByteBuffer

// The server's side: a chain around a handler is a handler, so the transport knows of none.
extension MethodEntry.Handler {
  /// The handler with the interceptors that apply to the method around it; nil if there is none.
  func intercepted(by interceptors: [any Interceptor], for method: MethodDescriptor) -> Self? {
    switch self {
    case .unary(let handler):
      let last: NextCall = { request throws(RPCError) in try await request.runUnary(handler) }
      guard let chain = foldedChain(interceptors, for: method, around: last) else { return nil }
      return .unary { message, context in
        let response = try await chain(
          CallRequest(context, message: message, target: .serverUnary(context))
        )
        context.setMetadata(initial: response.metadata, trailing: response.trailingMetadata)
        guard let message = response.message else { throw RPCError.answerWithoutMessage }
        return message
      }
    case .stream(let handler):
      let last: NextCall = { request throws(RPCError) in try await request.runStream(handler) }
      guard let chain = foldedChain(interceptors, for: method, around: last) else { return nil }
      return .stream { source, sink, context in
        let response = try await chain(
          CallRequest(context, message: nil, target: .serverStream(context, source, sink))
        )
        context.setMetadata(initial: response.metadata, trailing: response.trailingMetadata)
      }
    }
  }
}

extension CallRequest {
  fileprivate init(_ context: CallContext, message: ByteBuffer?, target: Target) {
    let previous = context.metadata["grpc-previous-rpc-attempts"].flatMap(UInt16.init) ?? 0
    self.init(
      method: context.method,
      side: .server,
      peer: context.peer,
      metadata: context.metadata,
      deadline: context.deadline,
      attempt: Int(previous) + 1,
      message: message,
      target: target
    )
  }

  fileprivate func runUnary(_ handler: UnaryHandler) async throws(RPCError) -> CallResponse {
    guard case .serverUnary(let context) = self.target, let message = self.message else {
      throw .misplacedRequest
    }
    let request = try await self.requestTaps.applied(to: message)
    let answer = try await self.run(context) { context in try await handler(request, context) }
    return CallResponse(
      message: try await self.responseTaps.applied(to: answer),
      metadata: context.initialMetadata,
      trailingMetadata: context.trailingMetadata
    )
  }

  fileprivate func runStream(_ handler: StreamHandler) async throws(RPCError) -> CallResponse {
    guard case .serverStream(let context, let source, let sink) = self.target else {
      throw .misplacedRequest
    }
    let requests = self.requestTaps.isEmpty ? source : TappedSource(source, self.requestTaps)
    let responses = self.responseTaps.isEmpty ? sink : TappedSink(sink, self.responseTaps)
    try await self.run(context) { context in try await handler(requests, responses, context) }
    return CallResponse(
      message: nil,
      metadata: context.initialMetadata,
      trailingMetadata: context.trailingMetadata
    )
  }

  /// Runs the handler in the context that the interceptors leave it, and says how the call really ended.
  private func run<Answer>(
    _ context: CallContext,
    _ handler: (CallContext) async throws -> Answer
  ) async throws(RPCError) -> Answer {
    do {
      // An interceptor that waited may have outlasted the call.
      if let end = context.earlyEnd { throw end }
      let answer: Answer
      if self.isChanged {
        let derived = CallContext(context, metadata: self.metadata, deadline: self.deadline)
        answer = try await CallContext.$current.withValue(derived) { try await handler(derived) }
      } else {
        answer = try await handler(context)
      }
      if let end = context.earlyEnd { throw end }
      return answer
    } catch {
      // A handler that is cancelled throws what it likes; the interceptors are told why it was.
      throw context.earlyEnd ?? RPCError(handlerError: error)
    }
  }
}

extension RPCError {
  static let answerWithoutMessage = RPCError(
    code: .internalError,
    message: "an interceptor answered a unary call without a message"
  )
}

/// The requests of a stream on their way to a handler, through taps.
private final class TappedSource: MessageSource {
  private let base: any MessageSource
  private let taps: [MessageTap]

  init(_ base: any MessageSource, _ taps: [MessageTap]) {
    self.base = base
    self.taps = taps
  }

  func next() async throws(RPCError) -> ByteBuffer? {
    guard let message = try await self.base.next() else { return nil }
    return try await self.taps.applied(to: message)
  }

  var latestCompression: CompressionAlgorithm { self.base.latestCompression }
}

/// The responses of a stream on their way from a handler, through taps.
private final class TappedSink: MessageSink {
  private let base: any MessageSink
  private let taps: [MessageTap]

  init(_ base: any MessageSink, _ taps: [MessageTap]) {
    self.base = base
    self.taps = taps
  }

  func write(_ message: ByteBuffer) async throws(RPCError) {
    try await self.base.write(self.taps.applied(to: message))
  }

  func write(_ message: ByteBuffer, compressed: Bool) async throws(RPCError) {
    try await self.base.write(self.taps.applied(to: message), compressed: compressed)
  }
}
