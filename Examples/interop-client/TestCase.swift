import Bulwark
import GRPCTesting

/// A case of gRPC's interop test descriptions.
struct TestCase: Sendable {
  let name: String
  let run: @Sendable (CaseContext) async throws -> Void

  static let all = unary + streaming + compression + endings + statuses + soaks + load + http2
}

/// What a case works with.
struct CaseContext: Sendable {
  /// The connection of every case that does not want several.
  let client: Client

  /// The stubs of that connection.
  let service: TestServiceClient

  let soak: SoakOptions

  /// Whether the server can tell whether a request was compressed, and refuses one that is not as announced.
  let probesCompression: Bool

  private let endpoint: Endpoint
  private let configuration: ClientConfiguration

  init(
    endpoint: Endpoint,
    configuration: ClientConfiguration,
    soak: SoakOptions,
    probesCompression: Bool
  ) {
    self.endpoint = endpoint
    self.configuration = configuration
    self.soak = soak
    self.probesCompression = probesCompression
    self.client = Client(to: endpoint, configuration: configuration)
    self.service = TestServiceClient(self.client)
  }

  /// Another connection to the same server; who makes it closes it.
  func newClient(_ change: (inout ClientConfiguration) -> Void = { _ in }) -> Client {
    var configuration = self.configuration
    change(&configuration)
    return Client(to: self.endpoint, configuration: configuration)
  }
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
func expectError(
  _ code: StatusCode,
  _ message: String? = nil,
  of call: () async throws -> Void
) async throws {
  do {
    try await call()
  } catch let error as RPCError {
    try expect(error.code == code, "expected \(code), got \(error)")
    return try expect(
      message == nil || error.message == message,
      "expected the message \((message ?? "").debugDescription), got \(error.message.debugDescription)"
    )
  }
  throw CaseFailure("expected \(code), but the call succeeded")
}

/// A payload of so many zeros.
func zeros(_ count: Int) -> Payload {
  .with { $0.body = [UInt8](repeating: 0, count: count) }
}
