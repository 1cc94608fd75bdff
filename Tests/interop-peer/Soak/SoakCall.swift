import Bulwark
import BulwarkTestKit

/// A call of a soak, chosen at random: what it does, and how it has to end.
struct SoakCall: Sendable {
  enum Ending: Hashable, Sendable {
    case answer
    /// With the status that the server was asked for.
    case failure(StatusCode)
    /// The deadline comes first.
    case deadline
    /// The caller gives up after this time.
    case cancellation(Duration)
  }

  var kind: CallKind
  var ending: Ending
  var payload: [UInt8]
  var timeout: Duration

  /// How long a handler waits whose answer nobody is to see.
  private static let forever: UInt32 = 60_000

  /// - Parameters:
  ///   - timeout: of the calls that are to be answered.
  ///   - isAnswered: whether the call is to be; otherwise that is a matter of chance, too.
  static func random(
    timeout: Duration,
    isAnswered: Bool,
    using generator: inout SeededGenerator
  ) -> SoakCall {
    let kinds: [CallKind] = [.unary, .clientStreaming, .serverStreaming, .bidirectional]
    var call = SoakCall(
      kind: kinds.randomElement(using: &generator) ?? .unary,
      ending: .answer,
      payload: [],
      timeout: timeout
    )
    let size = Int.random(in: 0..<1 << Int.random(in: 0...13, using: &generator), using: &generator)
    call.payload = [UInt8](repeating: .random(in: 0...255, using: &generator), count: size)
    guard !isAnswered else { return call }
    switch Int.random(in: 0..<10, using: &generator) {
    case 0: call.ending = .failure(StatusCode(wireValue: .random(in: 1...16, using: &generator)))
    case 1:
      call.ending = .deadline
      call.timeout = .milliseconds(.random(in: 10...100, using: &generator))
    case 2: call.ending = .cancellation(.milliseconds(.random(in: 0...50, using: &generator)))
    default: break
    }
    return call
  }

  /// Makes the call; returns how it ended.
  ///
  /// - Throws: ``CaseFailure`` if it got an answer that is not its own.
  func run(_ interop: InteropClient) async throws -> Result<Void, RPCError> {
    let call = Task { try await self.perform(interop) }
    var giveUp: Task<Void, any Error>?
    if case .cancellation(let delay) = self.ending {
      giveUp = Task {
        try await Task.sleep(for: delay)
        call.cancel()
      }
    }
    defer { giveUp?.cancel() }
    do {
      try await call.value
      return .success(())
    } catch let error as RPCError {
      return .failure(error)
    } catch is CancellationError {
      return .failure(RPCError(code: .cancelled, message: "the caller gave up"))
    }
  }

  private func perform(_ interop: InteropClient) async throws {
    switch self.kind {
    case .unary:
      let response = try await interop.echo(self.request(), timeout: self.timeout)
      try expect(response.payload == self.payload, "\(self) got another payload")
    case .clientStreaming: try await self.collect(interop)
    case .serverStreaming: try await self.expand(interop)
    case .bidirectional: try await self.converse(interop)
    }
  }

  private func collect(_ interop: InteropClient) async throws {
    let response = try await interop.collect(timeout: self.timeout) { requests in
      for _ in 0..<3 { try await requests.write(self.request()) }
      while self.isUnanswered {
        try await requests.write(self.request())
        try await Task.sleep(for: .milliseconds(5))
      }
    }
    try expect(response.messages == 3, "\(self) was answered for \(response.messages) messages")
    try expect(response.payloadBytes == UInt64(3 * self.payload.count), "\(self) lost bytes")
  }

  private func expand(_ interop: InteropClient) async throws {
    let request = ExpandRequest.with {
      $0.sizes = [UInt32](repeating: UInt32(self.payload.count), count: 3)
      $0.delayMs = self.isUnanswered ? Self.forever : 0
      $0.failure = self.request().failure
    }
    var count = 0
    for try await response in interop.expand(request, timeout: self.timeout) {
      try expect(response.payload.count == self.payload.count, "\(self) got another payload")
      count += 1
    }
    try expect(count == 3, "\(self) got \(count) responses")
  }

  private func converse(_ interop: InteropClient) async throws {
    try await interop.converse(timeout: self.timeout) { requests, responses in
      var iterator = responses.makeAsyncIterator()
      for _ in 0..<3 {
        try await requests.write(self.request())
        let response = try await iterator.next()
        try expect(response?.payload == self.payload, "\(self) got another payload")
      }
      requests.finish()
      try expect(await iterator.next() == nil, "\(self) got a fourth response")
    }
  }

  private func request() -> EchoRequest {
    .with {
      $0.payload = self.payload
      $0.delayMs = self.isUnanswered ? Self.forever : 0
      if case .failure(let code) = self.ending {
        $0.failure = .with { $0.code = Int32(code.rawValue) }
      }
    }
  }

  private var isUnanswered: Bool {
    switch self.ending {
    case .answer, .failure: false
    case .deadline, .cancellation: true
    }
  }
}

extension SoakCall: CustomStringConvertible {
  var description: String {
    "a \(self.kind) call of \(self.payload.count) bytes within \(self.timeout) that is to end with \(self.ending)"
  }
}
