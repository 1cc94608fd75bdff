import BulwarkBalancing
import BulwarkCore
import NIOCore
import Synchronization
import Testing

@testable import BulwarkTransport

/// Client-side health checking (gRFC A17).
@Suite(.timeLimit(.minutes(1))) struct ClientHealthTests {
  /// A health service that says what a test tells it to, and an echo service beside it.
  private struct WatchedService: RPCService {
    static let watch = RPCMethod<ByteBuffer, ByteBuffer>(
      MethodDescriptor(service: "grpc.health.v1.Health", method: "Watch", kind: .serverStreaming),
      request: .bytes,
      response: .bytes
    )

    let answer: String
    let health: Health

    func register(in registry: inout ServiceRegistry) {
      ByteService.answering(self.answer).register(in: &registry)
      registry.serverStreaming(Self.watch) { request, responses, _ in
        // HealthCheckRequest { service: "app" }
        guard request == ByteBuffer(bytes: [0x0A, 3] + Array("app".utf8)) else {
          throw RPCError(code: .invalidArgument, message: "\(request)")
        }
        for await status in self.health.statuses() {
          try await responses.write(ByteBuffer(bytes: [0x08, status]))
        }
      }
    }
  }

  /// A status, and those who watch it. Each watcher begins with the status as it is.
  private final class Health: Sendable {
    private struct State {
      var status: UInt8
      var watchers: [AsyncStream<UInt8>.Continuation] = []
    }

    private let state: Mutex<State>

    init(_ status: UInt8) {
      self.state = Mutex(State(status: status))
    }

    func statuses() -> AsyncStream<UInt8> {
      let (stream, watcher) = AsyncStream.makeStream(of: UInt8.self)
      self.state.withLock { state in
        watcher.yield(state.status)
        state.watchers.append(watcher)
      }
      return stream
    }

    func set(_ status: UInt8) {
      self.state.withLock { state in
        state.status = status
        for watcher in state.watchers { watcher.yield(status) }
      }
    }
  }

  private func configuration(_ policy: LoadBalancingPolicy) -> ClientConfiguration {
    var configuration = ClientConfiguration.impatient
    configuration.loadBalancing = policy
    configuration.healthCheckedService = "app"
    return configuration
  }

  @Test(arguments: [LoadBalancingPolicy.pickFirst(), .roundRobin])
  func callsGoOnlyWhereTheServiceIsHealthy(policy: LoadBalancingPolicy) async throws {
    let (ill, well) = (Health(2), Health(1))
    try await withServer(WatchedService(answer: "ill", health: ill)) { _, first in
      try await withServer(WatchedService(answer: "well", health: well)) { _, second async throws in
        let client = Client(to: [first, second], configuration: self.configuration(policy))
        for _ in 0..<10 {
          #expect(try await client.echo("") == "well")
        }
        // The healthy one falls ill, the other recovers.
        well.set(2)
        ill.set(1)
        while try await client.echo("", options: CallOptions(waitForReady: true)) == "well" {}
        #expect(try await client.echo("", options: CallOptions(waitForReady: true)) == "ill")
        await client.close()
      }
    }
  }

  @Test func whereNobodyIsHealthyCallsFailAndSayWhy() async throws {
    try await withServer(WatchedService(answer: "ill", health: Health(2))) { _, endpoint async throws in
      let client = Client(to: endpoint, configuration: self.configuration(.roundRobin))
      let error = await #expect(throws: RPCError.self) { try await client.echo("") }
      #expect(error?.message == "\(endpoint): the service app is not healthy: it says notServing")
      await client.close()
    }
  }

  @Test func aServerWithoutTheHealthServiceIsHealthy() async throws {
    try await withServers(1) { servers async throws in
      let client = Client(to: servers[0].endpoint, configuration: self.configuration(.pickFirst()))
      #expect(try await client.echo("") == "0")
      await client.close()
    }
  }

  @Test func whatIsNoStatusIsUnknown() {
    for bytes: [UInt8] in [[], [0x08], [0x08, 9], [0x08, 1, 0], [0x10, 1], [0x08, 0x81, 0]] {
      #expect(HealthMessages.status(in: ByteBuffer(bytes: bytes)) == .unknown)
    }
    #expect(HealthMessages.status(in: ByteBuffer(bytes: [0x08, 1])) == .serving)
    #expect(HealthMessages.request(service: "").readableBytes == 0)
    let long = HealthMessages.request(service: String(repeating: "x", count: 300))
    #expect(Array(long.readableBytesView.prefix(4)) == [0x0A, 0xAC, 0x02, UInt8(ascii: "x")])
  }
}
