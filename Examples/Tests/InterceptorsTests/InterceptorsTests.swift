import Bulwark
import Interceptors
import Logging
import NIOCore
import Synchronization
import Testing

/// The example interceptors around real calls.
@Suite(.timeLimit(.minutes(1))) struct InterceptorsTests {
  private static let hello = RPCMethod(
    MethodDescriptor(service: "example.Greeter", method: "Hello", kind: .unary),
    request: .bytes,
    response: .bytes
  )

  private struct Greeter: RPCService {
    let answer: @Sendable () async throws -> String

    func register(in registry: inout ServiceRegistry) {
      registry.unary(InterceptorsTests.hello) { _, _ in ByteBuffer(string: try await self.answer()) }
    }
  }

  private func call(
    atServer: [any Interceptor],
    atClient: [any Interceptor],
    answer: @escaping @Sendable () async throws -> String
  ) async throws -> String {
    let server = Server(listening: .tcp(host: "127.0.0.1", port: 0), interceptors: atServer) {
      Greeter(answer: answer)
    }
    return try await withThrowingTaskGroup(of: Void.self) { tasks in
      tasks.addTask { try await server.run() }
      let client = Client(to: try await server.listeningEndpoint)
      let answer: Result<String, any Error>
      do {
        let response = try await client.intercepted(by: atClient).unary(Self.hello, ByteBuffer())
        answer = .success(String(buffer: response.message))
      } catch {
        answer = .failure(error)
      }
      await client.close()
      server.beginGracefulShutdown()
      try await tasks.waitForAll()
      return try answer.get()
    }
  }

  @Test func aTokenBecomesAnIdentity() async throws {
    let authentication = Authentication { $0 == "secret" ? Identity(name: "alice") : nil }
    let who = try await self.call(atServer: [authentication], atClient: [TokenInterceptor("secret")]) {
      Identity.current?.name ?? "nobody"
    }
    #expect(who == "alice")
  }

  @Test(arguments: [[], [TokenInterceptor("wrong")]])
  func aCallWithoutAValidTokenIsTurnedAway(atClient: [TokenInterceptor]) async throws {
    let error = await #expect(throws: RPCError.self) {
      try await self.call(atServer: [Authentication { _ in nil }], atClient: atClient) {
        Issue.record("the handler ran")
        return ""
      }
    }
    #expect(error?.code == .unauthenticated)
  }

  @Test func aTraceGoesFromTheClientToTheHandler() async throws {
    let trace = try await self.call(
      atServer: [TracingInterceptor { "server" }],
      atClient: [TracingInterceptor { "client" }]
    ) {
      TracingInterceptor.trace ?? "none"
    }
    #expect(trace == "client")
  }

  @Test func everyCallHasItsLine() async throws {
    let lines = LogLines()
    let logger = Logger(label: "test") { _ in lines }
    _ = try await self.call(atServer: [], atClient: [LoggingInterceptor(logger)]) { "hi" }
    await #expect(throws: RPCError.self) {
      try await self.call(atServer: [], atClient: [LoggingInterceptor(logger)]) {
        throw RPCError(code: .notFound, message: "gone")
      }
    }
    #expect(lines.all == ["example.Greeter/Hello: OK", "example.Greeter/Hello: NOT_FOUND: gone"])
  }
}

/// Keeps what is logged.
private final class LogLines: LogHandler {
  private let lines = Mutex([String]())

  var all: [String] { self.lines.withLock { $0 } }
  var metadata: Logger.Metadata {
    get { [:] }
    set {}
  }
  var logLevel: Logger.Level {
    get { .trace }
    set {}
  }

  subscript(metadataKey key: String) -> Logger.Metadata.Value? {
    get { nil }
    set {}
  }

  func log(event: LogEvent) { self.lines.withLock { $0.append(event.message.description) } }
}
