import BulwarkCore
import NIOCore
import Synchronization
import Testing

@testable import BulwarkTransport

@Suite(.timeLimit(.minutes(1))) struct BackpressureTests {
  /// 64 KiB messages, of which the windows and buffers of a stream hold only a small part.
  private static let messages = 512
  private static let message = ByteBuffer(repeating: 7, count: 64 * 1024)
  /// More than a stream's window and what both sides queue beside it; much less than all messages.
  private static let mostThatCanBeUnderWay = 96

  @Test func aHandlerThatDoesNotReadStopsTheWriter() async throws {
    let reads = Promise<Void>()
    let service = ByteService(clientStream: { requests, _ in
      try await reads.value()
      var count = 0
      for try await _ in requests {
        count += 1
      }
      return ByteBuffer(string: "\(count)")
    })
    let written = Counter()
    try await withConnection(to: service) { client in
      async let response = client.clientStreaming(ByteService.clientStream) { requests in
        for _ in 0..<Self.messages {
          try await requests.write(Self.message)
          written.increment()
        }
      }
      try await Self.makeOtherCalls(on: client)
      #expect(written.value <= Self.mostThatCanBeUnderWay)
      reads.complete(.success(()))
      #expect(String(buffer: try await response.message) == "\(Self.messages)")
    }
    #expect(written.value == Self.messages)
  }

  @Test func aClientThatDoesNotReadStopsTheHandler() async throws {
    let written = Counter()
    let service = ByteService(serverStream: { _, responses, _ in
      for _ in 0..<Self.messages {
        try await responses.write(Self.message)
        written.increment()
      }
    })
    try await withConnection(to: service) { client in
      let responses = client.serverStreaming(ByteService.serverStream, ByteBuffer())
      try await Self.makeOtherCalls(on: client)
      #expect(written.value <= Self.mostThatCanBeUnderWay)
      var received = 0
      for try await response in responses {
        #expect(response.readableBytes == Self.message.readableBytes)
        received += 1
      }
      #expect(received == Self.messages)
    }
  }

  @Test func aStreamThatNobodyReadsHoldsUpNoOtherCall() async throws {
    try await withConnection(to: ByteService()) { client in
      try await client.bidirectional(ByteService.bidi) { requests, _ in
        async let _: Void = {
          for _ in 0..<Self.messages {
            try await requests.write(Self.message)
          }
        }()
        try await Self.makeOtherCalls(on: client)
        // Leaving the call cancels it, and with it the writer that could never finish.
      }
    }
  }

  /// Calls that come and go on the same connection: by the last one a stream that goes on has gone on.
  private static func makeOtherCalls(on client: Client) async throws {
    for number in 0..<200 {
      #expect(try await client.echo("\(number)") == "\(number)")
    }
  }
}

/// A number that tasks count up.
final class Counter: Sendable {
  private let state = Mutex(0)
  var value: Int { self.state.withLock { $0 } }
  func increment() { self.state.withLock { $0 += 1 } }
}
