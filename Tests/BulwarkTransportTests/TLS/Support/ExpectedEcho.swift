import BulwarkCore
import Testing

@testable import BulwarkTransport

extension CallInvoker {
  /// Expects that a unary call comes back with what it took along.
  func expectEcho(_ text: String, sourceLocation: SourceLocation = #_sourceLocation) async throws {
    let answer = try await self.echo(text)
    #expect(answer == text, sourceLocation: sourceLocation)
  }
}
