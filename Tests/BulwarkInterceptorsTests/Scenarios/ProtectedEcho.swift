import BulwarkCore
import BulwarkHTTP2
import BulwarkInterceptors
import BulwarkResilience
import BulwarkTestKit
import BulwarkTransport
import NIOCore
import Synchronization

/// A real server and a real client over loopback, with policies whose time a test moves.
struct ProtectedEcho {
  static let call = RPCMethod<ByteBuffer, ByteBuffer>(
    MethodDescriptor(service: "app.Echo", method: "Call", kind: .unary, idempotency: .idempotent),
    request: .bytes,
    response: .bytes
  )

  /// Always fails.
  static let broken = RPCMethod<ByteBuffer, ByteBuffer>(
    MethodDescriptor(service: "app.Echo", method: "Broken", kind: .unary),
    request: .bytes,
    response: .bytes
  )
  /// Answers with ``responses`` messages.
  static let watch = RPCMethod<ByteBuffer, ByteBuffer>(
    MethodDescriptor(service: "app.Echo", method: "Watch", kind: .serverStreaming),
    request: .bytes,
    response: .bytes
  )
  static let responses = 20

  let clock = VirtualClock()
  let service = EchoService()
  let policies: Policies

  init(_ calls: Calls) throws {
    self.policies = try Policies(
      code: PolicySet { calls },
      manager: ResilienceManager(
        clock: self.clock.policyClock,
        random: RandomSource(SeededGenerator(seed: 7))
      )
    )
  }

  var stats: ManagerStats { self.policies.manager.stats }

  /// Runs the body with a client that obeys the policies, of a server that does too.
  func run<Value: Sendable>(_ body: (InterceptedInvoker, String) async throws -> Value) async throws -> Value
  {
    var configuration = ServerConfiguration()
    // Tests cancel more calls than a peer may, and when its connection is ended for that, calls of the old one and the new
    // one have no order.
    configuration.http2.resetBurst = 1_000_000
    let server = Server(
      listening: .tcp(host: "127.0.0.1", port: 0),
      configuration: configuration,
      policies: self.policies
    ) {
      self.service
    }
    return try await withThrowingTaskGroup(of: Void.self) { tasks in
      tasks.addTask { try await server.run() }
      let client = Client(to: try await server.listeningEndpoint)
      let value = try await body(client.protected(by: self.policies), client.peer.address)
      await client.close()
      server.beginGracefulShutdown()
      try await tasks.waitForAll()
      return value
    }
  }
}

/// Counts what reaches it, and does to it what a test says.
final class EchoService: RPCService {
  struct State {
    var started = 0
    var running = 0
    var mostRunning = 0
    var decoded = 0
    var previousAttempts: [String?] = []
  }

  let state = Mutex(State())
  private let behaviour = Mutex<@Sendable (Int) async throws -> Void>({ _ in })

  /// What becomes of each call, by its number from 1.
  func behave(_ body: @escaping @Sendable (Int) async throws -> Void) {
    self.behaviour.withLock { $0 = body }
  }

  var seen: State { self.state.withLock { $0 } }

  func register(in registry: inout ServiceRegistry) {
    let counting = MessageCodec<ByteBuffer>(
      encode: { message, buffer in buffer.writeImmutableBuffer(message) },
      decode: { message throws(RPCError) in
        self.state.withLock { $0.decoded += 1 }
        return message
      }
    )
    let method = RPCMethod<ByteBuffer, ByteBuffer>(
      ProtectedEcho.call.descriptor,
      request: counting,
      response: .bytes
    )
    registry.unary(method) { message, context in
      let number = self.begin(context)
      defer { self.state.withLock { $0.running -= 1 } }
      try await self.behaviour.withLock { $0 }(number)
      return message
    }
    registry.unary(ProtectedEcho.broken) { _, context in
      _ = self.begin(context)
      defer { self.state.withLock { $0.running -= 1 } }
      throw RPCError(code: .internalError, message: "broken")
    }
    registry.serverStreaming(ProtectedEcho.watch) { message, responses, context in
      _ = self.begin(context)
      defer { self.state.withLock { $0.running -= 1 } }
      for _ in 0..<ProtectedEcho.responses {
        try await responses.write(message)
        await Task.yield()
      }
    }
  }

  /// - Returns: The number of the call, from 1.
  private func begin(_ context: CallContext) -> Int {
    self.state.withLock { state in
      state.started += 1
      state.running += 1
      state.mostRunning = max(state.mostRunning, state.running)
      state.previousAttempts.append(context.metadata["grpc-previous-rpc-attempts"])
      return state.started
    }
  }
}

extension CallInvoker {
  /// How a call ends.
  func code(
    _ method: RPCMethod<ByteBuffer, ByteBuffer> = ProtectedEcho.call,
    timeout: Duration? = nil
  ) async -> StatusCode {
    do throws(RPCError) {
      _ = try await self.unary(
        method,
        ByteBuffer(string: "m"),
        options: CallOptions(timeout: timeout)
      )
      return .ok
    } catch {
      return error.code
    }
  }

  /// How many messages a stream brings.
  func countResponses() async throws -> Int {
    var count = 0
    for try await _ in self.serverStreaming(ProtectedEcho.watch, ByteBuffer(string: "m")) { count += 1 }
    return count
  }

  /// How so many calls at once end.
  func codes(_ count: Int) async -> [StatusCode: Int] {
    await withTaskGroup(of: StatusCode.self) { group in
      for _ in 0..<count { group.addTask { await self.code() } }
      return await group.reduce(into: [:]) { $0[$1, default: 0] += 1 }
    }
  }
}
