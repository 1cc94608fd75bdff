import BulwarkCore
import NIOCore

@testable import BulwarkTransport

/// Runs several servers, each of which answers with its number, for as long as the body lasts.
func withServers<Result: Sendable>(
  _ count: Int,
  _ body: (_ servers: [NumberedServer]) async throws -> Result
) async throws -> Result {
  try await withThrowingTaskGroup(of: Void.self) { tasks in
    var servers: [NumberedServer] = []
    for number in 0..<count {
      let server = Server(listening: .anyPort) { ByteService.answering("\(number)") }
      tasks.addTask { try await server.run() }
      servers.append(NumberedServer(server: server, endpoint: try await server.listeningEndpoint))
    }
    let result = try await body(servers)
    for server in servers { server.server.beginGracefulShutdown() }
    try await tasks.waitForAll()
    return result
  }
}

struct NumberedServer: Sendable {
  let server: Server
  let endpoint: Endpoint
}

extension ByteService {
  static func answering(_ text: String) -> ByteService {
    ByteService(unary: { _, _ in ByteBuffer(string: text) })
  }
}

extension Endpoint {
  /// Where nobody listens, and nobody else will: a port that was free a moment ago may be another test's by now.
  static var nobody: Endpoint { .newSocket() }
}

/// A resolver whose answer a test sets.
final class SettableResolver: EndpointResolver {
  struct NoAnswer: Error {}

  private let answers: Answers
  let serverName: String? = nil
  let authority = "service.test"

  init(_ endpoints: [Endpoint]?) {
    self.answers = Answers(endpoints)
  }

  func set(_ endpoints: [Endpoint]?) async {
    await self.answers.set(endpoints)
  }

  var resolutions: Int { get async { await self.answers.count } }

  func resolve() async throws -> [ResolvedEndpoint] {
    guard let endpoints = await self.answers.take() else { throw NoAnswer() }
    return endpoints.map { ResolvedEndpoint($0) }
  }

  private actor Answers {
    private var endpoints: [Endpoint]?
    private(set) var count = 0

    init(_ endpoints: [Endpoint]?) {
      self.endpoints = endpoints
    }

    func set(_ endpoints: [Endpoint]?) {
      self.endpoints = endpoints
    }

    func take() -> [Endpoint]? {
      self.count += 1
      return self.endpoints
    }
  }
}
