import Bulwark

/// What carries a call: the rest of a test is the same.
enum Transport: CaseIterable {
  case inProcess, loopback

  /// Serves for as long as the body lasts.
  func serve(
    _ services: any RPCService...,
    body: (any CallInvoker) async throws -> Void
  ) async throws {
    switch self {
    case .inProcess:
      try await body(InProcessClient(to: InProcessServer { services }))
    case .loopback:
      let server = Server(listening: .tcp(host: "127.0.0.1", port: 0)) { services }
      try await withThrowingTaskGroup(of: Void.self) { tasks in
        tasks.addTask { try await server.run() }
        let client = Client(to: try await server.listeningEndpoint)
        try await body(client)
        await client.close()
        server.beginGracefulShutdown()
        try await tasks.waitForAll()
      }
    }
  }
}
