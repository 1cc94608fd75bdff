import BulwarkCore
import BulwarkTestKit
import BulwarkWire
import NIOCore
import Testing

@testable import BulwarkTransport

@Suite(.timeLimit(.minutes(1))) struct ConnectionLossTests {
  @Test func aCallThatWaitsForReadyIsAnsweredByTheServersSuccessor() async throws {
    let endpoint = Endpoint.newSocket()
    try await withClient(of: endpoint) { client in
      try await withServer(ByteService(), at: endpoint) { _, _ in
        let first = try await client.echo("first")
        #expect(first == "first")
      }
      let waiting = Task { try await client.echo("second", options: CallOptions(waitForReady: true)) }
      try await withServer(ByteService(), at: endpoint) { _, _ in
        let second = try await waiting.value
        #expect(second == "second")
      }
    }
  }

  @Test func aCallFailsAtOnceWhenNobodyListens() async throws {
    try await withClient(of: .newSocket()) { client in
      let error = await #expect(throws: RPCError.self) { try await client.echo("anyone") }
      #expect(error?.code == .unavailable)
      #expect(error?.origin == .transport)
    }
  }

  @Test func aCallThatWaitsForReadyFailsAtItsDeadline() async throws {
    try await withClient(of: .newSocket()) { client in
      let error = await #expect(throws: RPCError.self) {
        try await client.echo("anyone", options: CallOptions(timeout: .milliseconds(50), waitForReady: true))
      }
      #expect(error?.code == .deadlineExceeded)
    }
  }

  @Test func everyCallInFlightFailsWhenTheConnectionIsLost() async throws {
    let server = try await RawServer { frame, _ in
      // The answer to a request is the end of the connection: a frame that no client may accept.
      frame.kind == .headers ? [RawFrame(.data, stream: 0, payload: [1])] : []
    }
    try await withClient(of: server.endpoint) { client in
      let error = await #expect(throws: RPCError.self) { try await client.echo("lost") }
      #expect(error?.code == .unavailable || error?.code == .internalError)
      #expect(error?.origin == .transport)
    }
    try await server.close()
  }

  @Test func aCallThatTheServerHasNotProcessedIsSentOnceMore() async throws {
    let requests = Counter()
    let server = try await RawServer { frame, _ in
      guard frame.kind == .headers else { return [] }
      requests.increment()
      return [.goAway(lastStream: 0, code: 0)]
    }
    var configuration = ClientConfiguration.impatient
    configuration.backoff.initial = .zero
    try await withClient(of: server.endpoint, configuration: configuration) { client in
      let error = await #expect(throws: RPCError.self) {
        try await client.echo("again", options: CallOptions(waitForReady: true))
      }
      #expect(error?.code == .unavailable)
      #expect(requests.value == 2)
      #expect(server.connections >= 2)
    }
    try await server.close()
  }

  /// As a proxy does that allows a connection so many calls.
  @Test func noCallFailsWhenEachConnectionGoesAwayAfterItsAnswer() async throws {
    let server = try await RawServer { frame, _ in
      guard frame.kind == .data else { return [] }
      return RawFrame.answers(to: frame) + [.goAway(lastStream: frame.stream, code: 0)]
    }
    try await withClient(of: server.endpoint, configuration: ClientConfiguration()) { client in
      for number in 1...10 {
        let echo = try await client.echo("call \(number)")
        #expect(echo == "call \(number)")
        #expect(server.connections >= number)
      }
    }
    try await server.close()
  }

  @Test func aRefusedStreamIsSentOnceMoreOnTheSameConnection() async throws {
    let requests = Counter()
    let server = try await RawServer { frame, _ in
      guard frame.kind == .headers else { return [] }
      requests.increment()
      return [.reset(frame.stream, code: 7)]
    }
    try await withClient(of: server.endpoint) { client in
      let error = await #expect(throws: RPCError.self) { try await client.echo("again") }
      #expect(error?.code == .unavailable)
      #expect(requests.value == 2)
      #expect(server.connections == 1)
    }
    try await server.close()
  }

  @Test func aPeerThatSpeaksNoHTTP2InTimeIsGivenUp() async throws {
    var configuration = ClientConfiguration.impatient
    configuration.limits.handshakeTimeout = 20_000_000
    let server = try await SilentServer()
    try await withClient(of: server.endpoint, configuration: configuration) { client in
      let error = await #expect(throws: RPCError.self) { try await client.echo("hello") }
      #expect(error?.code == .unavailable)
    }
    try await server.close()
  }
}
