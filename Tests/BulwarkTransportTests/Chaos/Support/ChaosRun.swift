import BulwarkCore
import BulwarkTestKit
import NIOCore
import Synchronization
import Testing

@testable import BulwarkTransport

/// Rounds in which clients make calls through a proxy that breaks what passes, all of it after a seed.
///
/// A round: calls begin; with the first of them that has ended a fault begins, too; when all have ended the proxy heals, and
/// every client has to reach the server again within its backoff.
final class ChaosRun: Sendable {
  private struct Tally {
    var codes: [StatusCode: Int] = [:]
    var slowestRecovery = Duration.zero
  }

  private static let clients = 4
  private static let callsPerClient = 10

  private let seed: UInt64
  private let tally = Mutex(Tally())
  private let handlers = EndWatcher()

  init(seed: UInt64) {
    self.seed = seed
  }

  /// Plays that many rounds with one server, then stops it and returns when everything is closed.
  func play(rounds: Int) async throws {
    var generator = SeededGenerator(seed: self.seed)
    let server = Server(listening: .anyPort, interceptors: [self.handlers]) { ByteService() }
    try await withThrowingTaskGroup(of: Void.self) { tasks in
      tasks.addTask { try await server.run() }
      let proxy = try await ChaosProxy(to: server.listeningEndpoint)
      let clients = (0..<Self.clients).map { _ in Client(to: proxy.endpoint, configuration: .impatient) }
      for round in 0..<rounds {
        try await self.play(round, clients, proxy, &generator)
      }
      try await self.expectOnlyTheLatestConnections(server, proxy)
      for client in clients { await client.close() }
      try await proxy.close()
      server.beginGracefulShutdown()
      try await tasks.waitForAll()
    }
    #expect(self.handlers.ends.count == self.handlers.started, "seed \(self.seed)")
  }

  private func play(
    _ round: Int,
    _ clients: [Client],
    _ proxy: ChaosProxy,
    _ generator: inout SeededGenerator
  ) async throws {
    let fault = ChaosFault.random(using: &generator)
    let calls = clients.flatMap { client in
      (0..<Self.callsPerClient).map { _ in (client, ChaosCall.random(using: &generator)) }
    }
    await withTaskGroup(of: Result<StatusCode, any Error>.self) { tasks in
      for (client, call) in calls {
        tasks.addTask { await Result { try await call.run(client) } }
      }
      var isFirst = true
      for await result in tasks {
        if isFirst { try? await proxy.begin(fault) }
        isFirst = false
        self.count(result, round, fault)
      }
    }
    let healed = ContinuousClock.now
    try await proxy.heal()
    for client in clients {
      await self.recover(client)
    }
    let recovery = healed.duration(to: .now)
    self.tally.withLock { $0.slowestRecovery = max($0.slowestRecovery, recovery) }
    // Twice the longest backoff with its jitter, for one attempt may be going on; the rest is for a busy machine.
    #expect(recovery < .milliseconds(50) + ChaosCall.grace, "\(fault) in round \(round), seed \(self.seed)")
  }

  /// Returns when the client has been answered. What is lost on a connection that breaks is not sent again.
  private func recover(_ client: Client) async {
    let options = CallOptions(timeout: .seconds(5), waitForReady: true)
    while (try? await client.echo("again", options: options)) == nil {}
  }

  private func count(_ result: Result<StatusCode, any Error>, _ round: Int, _ fault: ChaosFault) {
    switch result {
    case .success(let code): self.tally.withLock { $0.codes[code, default: 0] += 1 }
    case .failure(let error): Issue.record("\(error), \(fault) in round \(round), seed \(self.seed)")
    }
  }

  /// The sockets that were broken are gone, on every side; that they are may take the loops a moment to see.
  private func expectOnlyTheLatestConnections(_ server: Server, _ proxy: ChaosProxy) async throws {
    let deadline = ContinuousClock.now + ChaosCall.grace
    while server.connectionCount != Self.clients, ContinuousClock.now < deadline { await Task.yield() }
    #expect(server.connectionCount == Self.clients, "seed \(self.seed)")
    #expect(try await proxy.connectionCount == Self.clients, "seed \(self.seed)")
  }

  func count(of code: StatusCode) -> Int { self.tally.withLock { $0.codes[code] ?? 0 } }

  /// How the calls ended.
  var report: String {
    let tally = self.tally.withLock { $0 }
    let codes = tally.codes.map { "\($0.value) \($0.key)" }.sorted().joined(separator: ", ")
    return "\(codes); slowest recovery \(tally.slowestRecovery)"
  }
}

extension Result where Failure == any Error {
  fileprivate init(_ body: () async throws -> Success) async {
    do { self = .success(try await body()) } catch { self = .failure(error) }
  }
}
