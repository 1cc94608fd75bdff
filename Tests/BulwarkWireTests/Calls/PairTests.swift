import BulwarkCore
import BulwarkTestKit
import BulwarkWire
import NIOCore
import Testing

/// Whole calls over a linked pair.
@Suite struct PairTests {
  @Test(arguments: Sample.all, [1, 2, 7, 100, Int.max])
  func aCallOfAnyKindSucceedsInPiecesOfAnySize(method: MethodDescriptor, piece: Int) {
    var configuration = LinkedPair.Configuration()
    configuration.toServer.pieces = piece...piece
    configuration.toClient.pieces = piece...piece
    let pair = LinkedPair(handlers: Sample.echo, configuration)
    let call = pair.start(Sample.plan(method))

    #expect(pair.run() == .done)
    let record = pair.calls[call]
    #expect(record.outcome == .succeeded(initial: [:], trailing: [:]))
    #expect(record.handler?.requests == record.requests)
    #expect(record.responses == record.handler?.responses)
    #expect(record.responses.count == [.unary: 1, .clientStreaming: 1][method.kind] ?? 3)
    #expect(pair.violations.isEmpty)
    #expect(pair.server.activeCalls == 0)
  }

  @Test func aWriterIsWokenWhenItsQueueHasGoneOutAndNothingComesIn() {
    // 300 KiB fit into the window, so the server has no reason to send anything.
    var configuration = LinkedPair.Configuration()
    configuration.toServer.capacity = 1 << 20
    let pair = LinkedPair(handlers: Sample.echo, configuration)
    pair.run(for: .milliseconds(1))
    let big = Sample.bytes(300 * 1024)
    let call = pair.start(CallPlan(Sample.upload, sending: [big, big]))

    #expect(pair.run() == .done)
    #expect(pair.calls[call].requests.count == 2)
    #expect(pair.calls[call].outcome?.code == .ok)
  }
}
