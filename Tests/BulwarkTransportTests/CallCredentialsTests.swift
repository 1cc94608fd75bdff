import BulwarkCore
import NIOCore
import Testing

@testable import BulwarkTransport

@Suite(.timeLimit(.minutes(1))) struct ClientCallCredentialsTests {
  /// Answers with the token that came.
  private let service = ByteService(unary: { _, context in
    ByteBuffer(string: context.metadata["authorization"] ?? "nothing")
  })

  private let token = CallCredentials { _ in ["authorization": "Bearer token"] }

  @Test func aTokenIsNotSentInPlaintext() async throws {
    try await withConnection(to: self.service) { client async throws in
      let authenticated = client.intercepted(by: [client.authentication(by: self.token)])
      let error = await #expect(throws: RPCError.self) { try await authenticated.echo("") }
      #expect(error?.code == .unauthenticated)
    }
  }

  @Test func aTokenIsSentOverAUnixSocket() async throws {
    try await withServer(self.service, at: .newSocket()) { _, endpoint async throws in
      try await withClient(of: endpoint) { client async throws in
        let authenticated = client.intercepted(by: [client.authentication(by: self.token)])
        let answer = try await authenticated.echo("")
        #expect(answer == "Bearer token")
      }
    }
  }
}
