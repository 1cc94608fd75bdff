import BulwarkCore
import BulwarkHTTP2
import BulwarkTestKit
import BulwarkWire
import NIOCore
import Testing

/// Gates, and the permits that they give out.
@Suite struct AdmissionTests {
  private static let full = RPCError(
    code: .resourceExhausted,
    message: "the limiter is closed",
    metadata: ["grpc-retry-pushback-ms": "250"],
    origin: .policy
  )

  @Test(arguments: Sample.all)
  func aRejectedCallIsAnsweredBeforeAByteOfItsBodyIsThere(method: MethodDescriptor) throws {
    let gate = RecordingGate { _ in Self.full }
    let client = EngineClient(gates: [gate])
    let stream = try client.request(method.path, body: nil, endStream: false)

    let seen = try client.seen(stream)
    #expect(seen.blocks.count == 1)
    #expect(seen["grpc-status"] == "8")
    #expect(seen["grpc-message"] == "the limiter is closed")
    #expect(seen["grpc-retry-pushback-ms"] == "250")
    #expect(client.frames(of: stream).first?.flags.contains(.endStream) == true)
    #expect(client.started.isEmpty)
    #expect(client.server.activeCalls == 0)
  }

  @Test func theBodyOfARejectedCallIsNeitherKeptNorGivenToAnybody() throws {
    let gate = RecordingGate { _ in Self.full }
    let client = EngineClient(gates: [gate])
    var mostKept = 0
    for _ in 0..<100 {
      _ = try client.request(body: Sample.framed(Array(repeating: 7, count: 10_000)))
      mostKept = max(mostKept, client.server.collectingBytes)
    }
    #expect(gate.arrived.count == 100)
    #expect(mostKept == 0)
    #expect(client.outputs.isEmpty)
    #expect(client.server.activeCalls == 0)
  }

  @Test func aGateIsToldWhatTheHeadersSay() throws {
    let gate = RecordingGate()
    let client = EngineClient(gates: [gate])
    client.clock.advance(by: .seconds(1))
    try client.request(Sample.unary.path, [("grpc-timeout", "2S"), ("token", "t")])
    let call = try #require(gate.arrived.first)
    #expect(call.method == Sample.unary)
    #expect(call.metadata == ["token": "t"])
    #expect(call.peer == Peer(address: "test"))
    #expect(call.arrival == client.clock.now)
    #expect(call.deadline == client.clock.now.advanced(by: .seconds(2)))
  }

  @Test func aGateStandsBeforeTheMethodsOfItsScopeAlone() throws {
    let gate = RecordingGate { _ in Self.full }
    let client = EngineClient(gates: [gate.applied(to: .methods(Sample.chat))])
    try client.request(Sample.unary.path)
    #expect(client.started.count == 1)
    try client.request(Sample.chat.path)
    #expect(client.started.count == 1)
    #expect(gate.arrived.map(\.method) == [Sample.chat])
  }

  @Test func anUnknownMethodAndACallPastItsDeadlineReachNoGate() throws {
    let gate = RecordingGate()
    let client = EngineClient(gates: [gate])
    try client.request("/test.Echo/Unknown")
    try client.request(Sample.unary.path, [("grpc-timeout", "0n")])
    #expect(gate.arrived.isEmpty)
  }

  @Test func whatEarlierGatesGaveGoesBackWhenALaterOneRejects() throws {
    let first = RecordingGate()
    let second = RecordingGate()
    let third = RecordingGate { _ in Self.full }
    let client = EngineClient(gates: [first, second, third, RecordingGate()])
    let stream = try client.request()
    #expect(try client.seen(stream)["grpc-status"] == "8")
    #expect(first.settled == [.withdrawn])
    #expect(second.settled == [.withdrawn])
    #expect(client.server.callsWithPermits == 0)
  }

  @Test func aPermitIsHeldUntilTheHandlerHasReturnedAndTheResponseIsOut() throws {
    let gate = RecordingGate()
    let client = EngineClient(gates: [gate])
    let stream = try client.request()
    client.server.respond(stream, ByteBuffer(string: "yes"))
    #expect(gate.settled.isEmpty)
    client.exchange()
    // The last byte is out; the handler has not returned.
    #expect(gate.settled.isEmpty)
    client.server.handlerReturned(stream)
    #expect(gate.settled == [.answered(.ok)])
    #expect(client.server.callsWithPermits == 0)
  }

  @Test func aPermitIsHeldWhileTheResponseWaitsForThePeer() throws {
    let gate = RecordingGate()
    let client = EngineClient(gates: [gate])
    let stream = try client.request()
    client.server.respond(stream, Sample.bytes(1 << 20))
    client.server.handlerReturned(stream)
    var taken = ByteBuffer()
    // What the client's window takes, and no more: it has not read any of it.
    while client.server.takeOutbound(into: &taken, limit: 65_536) {}
    #expect(gate.settled.isEmpty)
    client.server.connectionClosed(now: client.clock.now)
    while client.server.nextOutput() != nil {}
    #expect(gate.settled == [.abandoned])
  }

  @Test func aPermitOutlivesTheCallOfAClientThatHasGoneUntilTheHandlerReturns() throws {
    let gate = RecordingGate()
    let client = EngineClient(gates: [gate])
    let stream = try client.request()
    client.inject(.reset(stream, code: 8))
    #expect(client.cancellations.count == 1)
    #expect(gate.settled.isEmpty)
    client.server.handlerReturned(stream)
    #expect(gate.settled == [.abandoned])
  }

  @Test func aCallThatEndsWhileItsBodyIsOnItsWayGivesItsPermitBack() throws {
    let gate = RecordingGate()
    let client = EngineClient(gates: [gate])
    let stream = try client.request(body: [0, 0, 0], endStream: false)
    #expect(client.server.collectingBytes == 3)
    client.inject(.reset(stream, code: 8))
    #expect(gate.settled == [.abandoned])
    #expect(client.server.collectingBytes == 0)
  }

  @Test func aDeadlineSettlesAPermitWithItsStatus() throws {
    let gate = RecordingGate()
    let client = EngineClient(gates: [gate])
    let stream = try client.request(Sample.unary.path, [("grpc-timeout", "1S")])
    client.advance(by: .seconds(2))
    #expect(gate.settled.isEmpty)
    client.server.handlerReturned(stream)
    #expect(gate.settled == [.answered(.deadlineExceeded)])
  }

  @Test func aDeadlineBeforeTheBodyIsWholeSettlesAPermitWithItsStatusToo() throws {
    let gate = RecordingGate()
    let client = EngineClient(gates: [gate])
    let stream = try client.request(
      Sample.unary.path,
      [("grpc-timeout", "1S")],
      body: [0, 0, 0],
      endStream: false
    )
    client.advance(by: .seconds(2))
    #expect(try client.seen(stream).grpcStatus == "4")
    #expect(gate.settled == [.answered(.deadlineExceeded)])
    #expect(client.started.isEmpty)
  }

  @Test func aBodyThatTricklesDoesNotHoldAPermitForLong() throws {
    let gate = RecordingGate()
    let client = EngineClient(gates: [gate])
    let stream = try client.request(body: [0, 0, 0], endStream: false)
    client.advance(by: .seconds(4))
    #expect(gate.settled.isEmpty)
    client.advance(by: .seconds(1))
    let seen = try client.seen(stream)
    #expect(seen.grpcStatus == "4")
    #expect(seen["grpc-message"]?.contains("5000 ms") == true)
    #expect(gate.settled == [.answered(.deadlineExceeded)])
    #expect(client.server.activeCalls == 0)
    #expect(client.started.isEmpty)
  }

  @Test func aBodyThatCameInTimeLeavesTheCallItsOwnDeadline() throws {
    let gate = RecordingGate()
    let client = EngineClient(gates: [gate])
    let stream = try client.request(
      Sample.unary.path,
      [("grpc-timeout", "8S")],
      body: [0, 0, 0],
      endStream: false
    )
    client.advance(by: .seconds(1))
    _ = client.session.sendData(stream, prefix: nil, ByteBuffer(bytes: [0, 0]))
    _ = client.session.finish(stream, trailers: nil)
    client.exchange()
    #expect(client.started.count == 1)
    client.advance(by: .seconds(6))
    #expect(client.cancellations.isEmpty)
    client.advance(by: .seconds(1))
    #expect(client.cancellations == [.deadlineExceeded])
  }

  @Test func aGatesTimeLimitShortensTheCallAndIsWhatItsHandlerIsTold() throws {
    let client = EngineClient(gates: [LimitingGate(limit: .seconds(1))])
    let stream = try client.request(Sample.unary.path, [("grpc-timeout", "8S")])
    let end = client.clock.now.advanced(by: .seconds(1))
    #expect(client.started.first?.context.deadline == end)
    client.advance(by: .seconds(1))
    #expect(try client.seen(stream).grpcStatus == "4")
    #expect(client.cancellations == [.deadlineExceeded])
  }

  @Test(arguments: Sample.all, 0..<20)
  func everyPermitIsSettledOnceWhereverTheConnectionBreaks(method: MethodDescriptor, frame: Int) {
    let gate = RecordingGate()
    let pair = LinkedPair(handlers: Sample.echo, gates: [gate])
    pair.interfere = { $0.index == frame && $0.direction == .toServer ? .cut : nil }
    for _ in 0..<3 { pair.start(Sample.plan(method)) }
    pair.run()
    pair.cut()
    pair.run(for: .seconds(1))
    #expect(gate.settled.count == gate.arrived.count)
    #expect(pair.server.callsWithPermits == 0)
    #expect(pair.violations.isEmpty)
  }

  @Test(arguments: Sample.all)
  func aCallThatEndsWellSettlesItsPermitSo(method: MethodDescriptor) {
    let gate = RecordingGate()
    let pair = LinkedPair(handlers: Sample.echo, gates: [gate])
    let call = pair.start(Sample.plan(method))
    #expect(pair.run() == .done)
    pair.run(for: .milliseconds(1))
    #expect(pair.calls[call].outcome?.code == .ok)
    #expect(gate.settled == [.answered(.ok)])
  }
}

private struct LimitingGate: AdmissionGate {
  let limit: Duration

  func admit(_ call: inout ArrivingCall) -> Admission {
    call.limit(to: self.limit)
    return .admitted
  }
}
