import BulwarkCore
import BulwarkServices
import BulwarkTransport
import Testing

@Suite(.timeLimit(.minutes(1))) struct DrainTests {
  @Test func `A server that begins to stop says so to its watchers and does not wait for them`() async throws
  {
    let reporter = HealthReporter()
    var configuration = ServerConfiguration()
    configuration.gracefulShutdownTimeout = .seconds(3600)
    let server = Server(listening: .tcp(host: "127.0.0.1", port: 0), configuration: configuration) {
      HealthService(reporter)
    }
    let running = Task { try await server.run() }
    let client = Client(to: try await server.listeningEndpoint)
    let health = HealthClient(client)
    #expect(try await health.check(HealthCheckRequest()).status == .serving)

    var seen: [HealthCheckResponse.ServingStatus] = []
    let error = await #expect(throws: RPCError.self) {
      for try await response in health.watch(HealthCheckRequest()) {
        seen.append(response.status)
        server.beginGracefulShutdown()
      }
    }
    #expect(error?.code == .unavailable)
    #expect(seen == [.serving, .notServing])
    try await running.value
    #expect(reporter.status() == .notServing)
    await client.close()
  }
}
