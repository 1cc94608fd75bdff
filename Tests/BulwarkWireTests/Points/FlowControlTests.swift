import BulwarkCore
import BulwarkHTTP2
import BulwarkTestKit
import BulwarkWire
import NIOCore
import Testing

/// What a peer may send before somebody has taken it.
@Suite(.tags(.wirePoint)) struct FlowControlTests {
  // Point 16.
  @Test(arguments: [Sample.unary, Sample.chat])
  func paddingIsCreditedLikePayload(method: MethodDescriptor) throws {
    var http2 = HTTP2Limits()
    http2.streamWindow = 65_535
    http2.connectionWindow = 65_535
    let client = EngineClient(http2: http2)
    let stream = try client.request(method.path, body: nil, endStream: false)
    // A hundred times 257 bytes on the wire, of which 1 is payload, thrice: more than both windows.
    let message = Sample.framed([UInt8](repeating: 3, count: 295))
    for byte in message {
      client.inject(.data(stream, [byte], padding: 255))
      client.server.consumed(stream, bytes: 1)
    }
    client.inject(.data(stream, [], flags: .endStream))

    #expect(client.started.count == 1)
    #expect(client.frames(.reset).isEmpty && client.frames(.goAway).isEmpty)
    let updates = client.frames(.windowUpdate)
    #expect(updates.contains { $0.stream == stream } && updates.contains { $0.stream == 0 })
  }

  // Point 16.
  @Test func aResetCallGivesItsBytesBackToTheConnection() {
    var configuration = LinkedPair.Configuration()
    configuration.serverHTTP2.streamWindow = 65_535
    configuration.serverHTTP2.connectionWindow = 65_535
    // A handler that reads nothing: every call fills its window and is given up.
    let pair = LinkedPair(
      handlers: Sample.echo(replacing: Sample.chat) { _, _ in [.wait(.seconds(3_600))] },
      configuration
    )
    for _ in 0..<20 {
      pair.start(CallPlan(Sample.chat, steps: [.send(Sample.bytes(50_000)), .wait(.seconds(1)), .cancel]))
      #expect(pair.run() == .done)
    }
    let last = pair.start(Sample.plan(Sample.unary, size: 200_000))
    #expect(pair.run() == .done)
    #expect(pair.calls[last].outcome?.code == .ok)
    #expect(pair.violations.isEmpty)
  }

  // Point 16.
  @Test func aHandlerThatDoesNotReadStopsTheClientAtTheWindow() {
    var configuration = LinkedPair.Configuration()
    configuration.serverHTTP2.streamWindow = 100_000
    let pair = LinkedPair(
      handlers: Sample.echo(replacing: Sample.upload) { _, input in
        if case .start = input { [.wait(.seconds(10))] } else { [] }
      },
      configuration
    )
    let messages = (0..<100).map { _ in Sample.bytes(20_000) }
    let call = pair.start(CallPlan(Sample.upload, sending: messages))
    pair.run(for: .seconds(9))
    // The window, and the queue up to the mark above which a writer waits.
    let sent = pair.calls[call].requests.map(\.readableBytes).reduce(0, +)
    #expect(sent < 100_000 + 256 * 1024 + 40_000)
    #expect(pair.calls[call].outcome == nil)
  }

  // Point 16.
  @Test func aCallerThatDoesNotReadStopsTheHandler() {
    var plan = Sample.plan(Sample.download)
    plan.readLimit = 0
    let pair = LinkedPair(
      handlers: Sample.echo(replacing: Sample.download) { _, input in
        if case .message = input {
          (0..<1_000).map { _ in .send(Sample.bytes(16_000)) }
        } else {
          []
        }
      }
    )
    let call = pair.start(plan)
    pair.run(for: .seconds(5))
    let sent = pair.calls[call].handler?.responses.map(\.readableBytes).reduce(0, +) ?? 0
    #expect((1 << 20)...((1 << 20) + 512 * 1024) ~= sent)
    pair.cancel(call)
    #expect(pair.run() == .done)
    #expect(pair.server.activeCalls == 0)
  }

  @Test(arguments: [Sample.unary, Sample.chat])
  func aMessageLargerThanTheWindowArrivesWhole(method: MethodDescriptor) {
    var configuration = LinkedPair.Configuration()
    configuration.serverHTTP2.streamWindow = 65_535
    configuration.clientHTTP2.streamWindow = 65_535
    let pair = LinkedPair(handlers: Sample.echo, configuration)
    let call = pair.start(Sample.plan(method, count: 1, size: 1_000_000))
    #expect(pair.run() == .done)
    #expect(pair.calls[call].outcome?.code == .ok)
    #expect(pair.calls[call].responses == pair.calls[call].requests)
  }
}
