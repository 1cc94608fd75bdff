import Bulwark
import GRPCTesting

/// `grpc.testing.TestService`: does what the request asks for, as gRPC's interop test descriptions have it.
struct InteropTestService: TestService {
  /// What the server says of its load outside calls.
  let load: LoadReporter

  func emptyCall(_ request: Empty, context: CallContext) async throws -> Empty {
    context.echoMetadata()
    return Empty()
  }

  func unaryCall(_ request: SimpleRequest, context: CallContext) async throws -> SimpleResponse {
    context.echoMetadata()
    try request.expectCompressed?.check(context.requestCompression)
    context.compressResponses(with: request.responseCompressed?.value == true ? .gzip : .identity)
    if let report = request.orcaPerQueryReport { try context.reportLoad(OrcaLoadReport(report)) }
    try request.responseStatus?.raise()
    let payload = try zeros(request.responseSize)
    return .with { $0.payload = payload }
  }

  func cacheableUnaryCall(_ request: SimpleRequest, context: CallContext) async throws -> SimpleResponse {
    context.addInitialMetadata("max-age=60, public", for: "cache-control")
    return try await self.unaryCall(request, context: context)
  }

  func streamingOutputCall(
    _ request: StreamingOutputCallRequest,
    to responses: ResponseWriter<StreamingOutputCallResponse>,
    context: CallContext
  ) async throws {
    context.echoMetadata()
    try await request.answer(to: responses, context)
  }

  func streamingInputCall(
    _ requests: RequestStream<StreamingInputCallRequest>,
    context: CallContext
  ) async throws -> StreamingInputCallResponse {
    context.echoMetadata()
    var size: Int32 = 0
    for try await request in requests {
      try request.expectCompressed?.check(requests.latestCompression)
      // The sum is a number of the peer's making, and the field has 32 bits.
      size &+= Int32(truncatingIfNeeded: request.payload?.body.count ?? 0)
    }
    return .with { $0.aggregatedPayloadSize = size }
  }

  func fullDuplexCall(
    _ requests: RequestStream<StreamingOutputCallRequest>,
    to responses: ResponseWriter<StreamingOutputCallResponse>,
    context: CallContext
  ) async throws {
    context.echoMetadata()
    for try await request in requests {
      if let report = request.orcaOobReport { self.load.report = OrcaLoadReport(report) }
      try await request.answer(to: responses, context)
    }
  }

  func halfDuplexCall(
    _ requests: RequestStream<StreamingOutputCallRequest>,
    to responses: ResponseWriter<StreamingOutputCallResponse>,
    context: CallContext
  ) async throws {
    context.echoMetadata()
    var held: [StreamingOutputCallRequest] = []
    for try await request in requests {
      held.append(request)
    }
    for request in held {
      try await request.answer(to: responses, context)
    }
  }

  func unimplementedCall(_ request: Empty, context: CallContext) async throws -> Empty {
    throw RPCError(code: .unimplemented, message: "UnimplementedCall is not implemented on purpose")
  }
}

/// A payload of so many zeros.
private func zeros(_ size: Int32) throws(RPCError) -> Payload {
  // Sixteen times the message limit of a client that did not choose its own.
  let sizes: ClosedRange<Int32> = 0...(64 << 20)
  guard sizes.contains(size) else {
    throw RPCError(
      code: .invalidArgument,
      message: "a payload has 0 to \(sizes.upperBound) bytes, got \(size)"
    )
  }
  return .with { $0.body = [UInt8](repeating: 0, count: Int(size)) }
}

extension StreamingOutputCallRequest {
  /// Writes a response for each parameter, then fails if that is asked for.
  ///
  /// The call has one algorithm, chosen before its first response: each message is compressed with it or not.
  fileprivate func answer(
    to responses: ResponseWriter<StreamingOutputCallResponse>,
    _ context: CallContext
  ) async throws {
    context.compressResponses(with: .gzip)
    for parameters in self.responseParameters {
      if parameters.intervalUs > 0 {
        try await Task.sleep(for: .microseconds(parameters.intervalUs))
      }
      let payload = try zeros(parameters.size)
      let isCompressed = parameters.compressed?.value == true
      let peer = parameters.fillPeerSocketAddress?.value == true ? context.peer.address : ""
      let response = StreamingOutputCallResponse.with {
        $0.payload = payload
        $0.peerSocketAddress = peer
      }
      try await responses.write(response, compressed: isCompressed)
    }
    try self.responseStatus?.raise()
  }
}

extension EchoStatus {
  fileprivate func raise() throws(RPCError) {
    guard self.code != 0 else { return }
    throw RPCError(code: StatusCode(wireValue: Int(self.code)), message: self.message)
  }
}

extension BoolValue {
  /// Fails unless a request was compressed as it says of itself.
  fileprivate func check(_ compression: CompressionAlgorithm) throws(RPCError) {
    guard self.value != (compression != .identity) else { return }
    throw RPCError(
      code: .invalidArgument,
      message: "the request was to be \(self.value ? "compressed" : "plain") and came as \(compression)"
    )
  }
}

extension CallContext {
  /// Sends back the two headers of `custom_metadata`: one ahead of the messages, one behind them.
  fileprivate func echoMetadata() {
    for text in self.metadata.values(for: EchoedMetadata.initial) {
      self.addInitialMetadata(text, for: EchoedMetadata.initial)
    }
    for bytes in self.metadata.binaryValues(for: EchoedMetadata.trailing) {
      self.addTrailingMetadata(binary: bytes, for: EchoedMetadata.trailing)
    }
  }
}
