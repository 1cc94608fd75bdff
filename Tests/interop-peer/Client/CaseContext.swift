import Bulwark

/// What a case works with.
struct CaseContext: Sendable {
  /// The connection, for calls whose metadata counts.
  let client: Client

  /// The stubs.
  let interop: InteropClient

  /// How long `restart` keeps calling.
  let seconds: Double

  /// What a call may take unless its deadline is what is judged.
  static let timeout = Duration.seconds(5)

  init(client: Client, seconds: Double) {
    self.client = client
    self.interop = InteropClient(client)
    self.seconds = seconds
  }

  /// An Echo with the usual timeout.
  func echo(
    timeout: Duration = Self.timeout,
    _ populate: (inout EchoRequest) -> Void
  ) async throws(RPCError) -> EchoResponse {
    try await self.interop.echo(.with(populate), timeout: timeout)
  }

  /// How the handler of the last call with this key ended.
  func handlerEnd(_ key: String) async throws(RPCError) -> HandlerEndResponse.End {
    try await self.interop.handlerEnd(.with { $0.key = key }, timeout: Self.timeout).end
  }

  /// Returns once the handler of the call with this key is seen to run.
  ///
  /// HandlerEnd waits for a handler that runs: that it meets its own deadline is the sign.
  func waitUntilHandlerRuns(_ key: String) async throws {
    for _ in 0..<100 {
      do {
        let end = try await self.interop.handlerEnd(
          .with { $0.key = key },
          timeout: .milliseconds(100)
        ).end
        try expect(end == .unspecified, "the handler of \(key) has ended already: \(end)")
      } catch let error as RPCError where error.code == .deadlineExceeded {
        return
      }
    }
    throw CaseFailure("no handler of \(key) was seen to run")
  }
}

/// A case of Tests/Interop/README.md.
struct InteropCase: Sendable {
  let name: String
  let run: @Sendable (CaseContext) async throws -> Void

  static let all =
    kinds + metadata + statuses + deadlines + cancellations + sizes + restarts + keepalives
    + goodbyes + credentials + swiftProtobuf
}

/// Why a case has failed.
struct CaseFailure: Error, CustomStringConvertible {
  let description: String

  init(_ description: String) {
    self.description = description
  }
}

/// Fails the case unless the condition holds.
func expect(_ condition: Bool, _ what: @autoclosure () -> String) throws(CaseFailure) {
  guard condition else { throw CaseFailure(what()) }
}

/// Fails the case unless the call fails with this code, and this message if there is one.
@discardableResult
func expectError(
  _ code: StatusCode,
  _ message: String? = nil,
  of call: () async throws -> Void
) async throws -> RPCError {
  do {
    try await call()
  } catch let error as RPCError {
    try expect(error.code == code, "expected \(code), got \(error)")
    if let message {
      try expect(error.message == message, "expected the message \(message.debugDescription), got \(error)")
    }
    return error
  }
  throw CaseFailure("expected \(code), but the call succeeded")
}
