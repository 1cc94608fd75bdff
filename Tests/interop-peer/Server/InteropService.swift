import Bulwark

/// `bulwark.interop.Interop`: does to a client whatever the client asks for.
struct InteropService: Interop {
  private let ledger = CallLedger()

  func echo(_ request: EchoRequest, context: CallContext) async throws -> EchoResponse {
    context.echoMetadata()
    let remaining = context.remainingMilliseconds
    return try await self.ledger.tracking(request.key) { attempt in
      try await self.answer(request, attempt: attempt, remaining: remaining)
    }
  }

  func collect(
    _ requests: RequestStream<EchoRequest>,
    context: CallContext
  ) async throws -> CollectResponse {
    context.echoMetadata()
    var iterator = requests.makeAsyncIterator()
    guard let first = try await iterator.next() else { return CollectResponse() }
    return try await self.ledger.tracking(first.key) { _ in
      var result = CollectResponse()
      var next: EchoRequest? = first
      while let request = next {
        try request.failIfAsked()
        result.messages += 1
        result.payloadBytes += UInt64(request.payload.count)
        next = try await iterator.next()
      }
      return result
    }
  }

  func expand(
    _ request: ExpandRequest,
    to responses: ResponseWriter<EchoResponse>,
    context: CallContext
  ) async throws {
    context.echoMetadata()
    try await self.ledger.tracking(request.key) { _ in
      for (index, size) in request.sizes.enumerated() {
        try await pause(request.delayMs)
        try await responses.write(
          .with { $0.payload = [UInt8](repeating: UInt8(truncatingIfNeeded: index), count: Int(size)) }
        )
      }
      try request.failure?.raise()
    }
  }

  func converse(
    _ requests: RequestStream<EchoRequest>,
    to responses: ResponseWriter<EchoResponse>,
    context: CallContext
  ) async throws {
    context.echoMetadata()
    let remaining = context.remainingMilliseconds
    var iterator = requests.makeAsyncIterator()
    guard let first = try await iterator.next() else { return }
    try await self.ledger.tracking(first.key) { attempt in
      var next: EchoRequest? = first
      while let request = next {
        try await responses.write(self.answer(request, attempt: attempt, remaining: remaining))
        next = try await iterator.next()
      }
    }
  }

  func handlerEnd(_ request: HandlerEndRequest, context: CallContext) async throws -> HandlerEndResponse {
    let end = try await self.ledger.end(of: request.key)
    return .with { $0.end = end }
  }

  private func answer(_ request: EchoRequest, attempt: UInt32, remaining: UInt64) async throws -> EchoResponse
  {
    try await pause(request.delayMs)
    try request.failIfAsked()
    return .with {
      $0.payload = request.payload
      if request.wantReport {
        $0.report = .with {
          $0.deadlineRemainingMs = remaining
          $0.attempt = attempt
        }
      }
    }
  }
}

/// Waits; cancellation ends the wait with an error.
private func pause(_ milliseconds: UInt32) async throws {
  if milliseconds > 0 {
    try await Task.sleep(for: .milliseconds(milliseconds))
  }
}

extension CallContext {
  /// What is left until the deadline, at least 1; 0 if there is none.
  fileprivate var remainingMilliseconds: UInt64 {
    self.timeRemaining.map { UInt64(max(1, $0 / .milliseconds(1))) } ?? 0
  }

  /// Sends back each header that asks for it, before the messages and after them.
  fileprivate func echoMetadata() {
    for (name, value) in self.metadata where name.hasPrefix("x-echo-") {
      switch value {
      case .text(let text):
        self.addInitialMetadata(text, for: name)
        self.addTrailingMetadata(text, for: name)
      case .binary(let bytes):
        self.addInitialMetadata(binary: bytes, for: name)
        self.addTrailingMetadata(binary: bytes, for: name)
      }
    }
  }
}

extension EchoRequest {
  fileprivate func failIfAsked() throws(RPCError) {
    try self.failure?.raise()
  }
}

extension Failure {
  fileprivate func raise() throws(RPCError) {
    guard (1...16).contains(self.code) else {
      throw RPCError(code: .invalidArgument, message: "failure.code must be 1 to 16, got \(self.code)")
    }
    var metadata = Metadata()
    for trailer in self.trailers {
      if trailer.name.hasSuffix("-bin") {
        metadata.add(binary: trailer.value, for: trailer.name)
      } else {
        metadata.add(String(decoding: trailer.value, as: UTF8.self), for: trailer.name)
      }
    }
    throw RPCError(
      code: StatusCode(wireValue: Int(self.code)),
      message: self.message,
      details: self.details,
      metadata: metadata
    )
  }
}
