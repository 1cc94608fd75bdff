import BulwarkCore
import BulwarkTestKit
import BulwarkWire
import NIOCore
import Synchronization
import Testing

@testable import BulwarkTransport

/// Streaming calls that a server says it has not processed, by a GOAWAY below their streams (RFC 9113, section 6.8). nginx
/// sends one when it is reloaded, with no warning before it, and so refuses whatever is on its way.
@Suite(.timeLimit(.minutes(1))) struct ResentStreamTests {
  private let sent = SentBytes()

  private func withServer(
    _ answer: @escaping RawServer.Answer,
    _ body: (Client) async throws -> Void
  ) async throws {
    let server = try await RawServer { [sent] frame, connection in
      if frame.kind == .data { sent.append(frame.payload, on: connection) }
      return answer(frame, connection)
    }
    var configuration = ClientConfiguration.impatient
    configuration.backoff.initial = .zero
    try await withClient(of: server.endpoint, configuration: configuration, body)
    try await server.close()
  }

  @Test func aCallWhoseRequestsHaveEndedIsSentOnceMoreWithAllOfThem() async throws {
    try await self.withServer { frame, connection in
      guard frame.kind == .data, frame.flags.contains(.endStream) else { return [] }
      return connection == 1
        ? [.goAway(lastStream: 0, code: 0)] : RawFrame.answer("collected", on: frame.stream)
    } _: { client in
      let response = try await client.clientStreaming(ByteService.clientStream) { requests in
        try await requests.write(ByteBuffer(string: "a"))
        try await requests.write(ByteBuffer(string: "bc"))
      }
      #expect(response.message == ByteBuffer(string: "collected"))
    }
    #expect(self.sent.bytes(on: 1) == [0, 0, 0, 0, 1, 97, 0, 0, 0, 0, 2, 98, 99])
    #expect(self.sent.bytes(on: 2) == self.sent.bytes(on: 1))
  }

  @Test func aCallThatIsStillOpenGoesOnElsewhere() async throws {
    let refused = Promise<Void>()
    try await self.withServer { frame, connection in
      guard frame.kind == .data else { return [] }
      guard connection > 1 else {
        refused.complete(.success(()))
        return [.goAway(lastStream: 0, code: 0)]
      }
      return frame.flags.contains(.endStream) ? RawFrame.answer("both", on: frame.stream) : []
    } _: { client in
      let echo = try await client.bidirectional(ByteService.bidi) { requests, responses in
        try await requests.write(ByteBuffer(string: "a"))
        try await refused.value()
        try await requests.write(ByteBuffer(string: "b"))
        requests.finish()
        var iterator = responses.makeAsyncIterator()
        return try await iterator.next()
      }
      #expect(echo == ByteBuffer(string: "both"))
    }
    #expect(self.sent.bytes(on: 2) == [0, 0, 0, 0, 1, 97, 0, 0, 0, 0, 1, 98])
  }

  @Test func aCallIsNotSentAThirdTime() async throws {
    try await self.withServer { frame, _ in
      frame.kind == .data ? [.goAway(lastStream: 0, code: 0)] : []
    } _: { client in
      let error = await #expect(throws: RPCError.self) {
        try await client.clientStreaming(ByteService.clientStream) { requests in
          try await requests.write(ByteBuffer(string: "a"))
        }
      }
      #expect(error?.code == .unavailable)
    }
    #expect(!self.sent.bytes(on: 2).isEmpty)
    #expect(self.sent.bytes(on: 3).isEmpty)
  }

  @Test func aCallThatWasAnsweredIsNotSentAgainWhateverTheServerSays() async throws {
    try await self.withServer { frame, _ in
      frame.kind == .data ? [RawFrame.responseHeaders(frame.stream), .goAway(lastStream: 0, code: 0)] : []
    } _: { client in
      let error = await #expect(throws: RPCError.self) {
        try await client.bidirectional(ByteService.bidi) { requests, responses in
          try await requests.write(ByteBuffer(string: "a"))
          var iterator = responses.makeAsyncIterator()
          return try await iterator.next()
        }
      }
      #expect(error?.code == .unavailable)
    }
    #expect(self.sent.bytes(on: 2).isEmpty)
  }
}

extension RawFrame {
  fileprivate static func responseHeaders(_ stream: Int32) -> RawFrame {
    .headers(stream, HeaderBlock.literals([(":status", "200"), ("content-type", "application/grpc")]))
  }

  /// A whole response of one message.
  fileprivate static func answer(_ text: String, on stream: Int32) -> [RawFrame] {
    [
      .responseHeaders(stream),
      .data(stream, [0, 0, 0, 0, UInt8(text.utf8.count)] + Array(text.utf8)),
      .headers(stream, HeaderBlock.literals([("grpc-status", "0")]), flags: [.endHeaders, .endStream]),
    ]
  }
}

/// What came in DATA frames, for each connection.
private final class SentBytes: Sendable {
  private let state = Mutex<[Int: [UInt8]]>([:])

  func append(_ bytes: [UInt8], on connection: Int) {
    self.state.withLock { $0[connection, default: []] += bytes }
  }

  func bytes(on connection: Int) -> [UInt8] {
    self.state.withLock { $0[connection] ?? [] }
  }
}
