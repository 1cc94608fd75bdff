import BulwarkCore
import BulwarkHTTP2
import BulwarkTestKit
import BulwarkWire
import NIOCore
import Testing

/// How a deadline travels, and what it does on both sides.
@Suite(.tags(.wirePoint)) struct DeadlineTests {
  // Point 3.
  @Test(
    arguments: [
      ("1H", 3_600_000_000_000), ("2M", 120_000_000_000), ("3S", 3_000_000_000), ("4m", 4_000_000),
      ("5u", 5_000), ("6n", 6), ("99999999n", 99_999_999), (" 7S ", 7_000_000_000),
    ]
  )
  func aTimeoutOfAnyUnitBecomesADeadline(value: String, nanoseconds: Int64) throws {
    let client = EngineClient()
    try client.request(Sample.unary.path, [("grpc-timeout", value)])
    let context = try #require(client.started.first).context
    #expect(context.deadline == client.clock.now.advanced(by: .nanoseconds(nanoseconds)))
    #expect(context.timeRemaining == .nanoseconds(nanoseconds))
  }

  // Point 3.
  @Test(arguments: ["123456789m", "m", "", "1", "1s", "-1S", "1.5S", "+1S", "1 S", "1SS", "١S"])
  func aMalformedTimeoutFailsTheCall(value: String) throws {
    let client = EngineClient()
    let stream = try client.request(Sample.unary.path, [("grpc-timeout", value)])
    #expect(client.started.isEmpty)
    #expect(try client.seen(stream).grpcStatus == "13")
    #expect(client.server.activeCalls == 0)
  }

  // Point 3.
  @Test func aTimeoutBeyondTheClockIsNoDeadlineThatAnyoneSees() throws {
    let client = EngineClient()
    try client.request(Sample.unary.path, [("grpc-timeout", "99999999H")])
    #expect(try #require(client.started.first).context.deadline == .distantFuture)
    client.advance(by: .seconds(1_000_000))
    #expect(client.cancellations.isEmpty)
  }

  // Point 3.
  @Test(arguments: ["0n", "0m", "00000000H"], Sample.all)
  func aCallThatHasNoTimeLeftReachesNoHandler(value: String, method: MethodDescriptor) throws {
    let client = EngineClient()
    let stream = try client.request(method.path, [("grpc-timeout", value)])
    #expect(client.started.isEmpty)
    #expect(try client.seen(stream).grpcStatus == "4")
    #expect(client.server.activeCalls == 0)
  }

  // Point 3.
  @Test(
    arguments: [
      (Duration.nanoseconds(-5), "1n"), (.zero, "1n"), (.nanoseconds(99_999_999), "99999999n"),
      (.nanoseconds(100_000_001), "100001u"), (.seconds(100_000), "100000S"),
      (.seconds(1_000_000_000), "16666667M"),
    ]
  )
  func aTimeoutIsSentInTheFinestUnitThatHoldsItRoundedUp(timeout: Duration, sent: String) throws {
    let server = EngineServer()
    let stream = try server.call(timeout: timeout)
    #expect(server.log.streams[stream]?["grpc-timeout"] == sent)
  }

  // Point 3.
  @Test func aCallWithoutADeadlineSendsNoTimeout() throws {
    let server = EngineServer()
    let stream = try server.call()
    #expect(server.log.streams[stream]?["grpc-timeout"] == nil)
  }

  // Point 11.
  @Test(arguments: Sample.all)
  func aCallerIsToldOfItsDeadlineAndOfNothingAfterIt(method: MethodDescriptor) {
    var configuration = LinkedPair.Configuration()
    configuration.toClient.latency = .milliseconds(30)
    let pair = LinkedPair(handlers: Sample.slow(.milliseconds(80)), configuration)
    var plan = Sample.plan(method)
    plan.timeout = .milliseconds(100)
    let call = pair.start(plan)
    #expect(pair.run() == .done)
    pair.run(for: .seconds(1))

    #expect(pair.calls[call].outcome?.code == .deadlineExceeded)
    #expect(pair.violations.isEmpty)
    #expect(pair.server.activeCalls == 0)
  }

  @Test func aDeadlineThatPassesWhileTheRequestIsCollectedReachesNoHandler() throws {
    let client = EngineClient()
    let stream = try client.request(
      Sample.unary.path,
      [("grpc-timeout", "50m")],
      body: [0, 0, 0],
      endStream: false
    )
    #expect(client.server.activeCalls == 1)
    client.advance(by: .milliseconds(50))
    #expect(client.started.isEmpty)
    #expect(try client.seen(stream).grpcStatus == "4")
    #expect(client.server.activeCalls == 0)
  }

  @Test(arguments: [Sample.unary, Sample.chat])
  func aDeadlineThatPassesWhileTheHandlerRunsCancelsItOnce(method: MethodDescriptor) throws {
    let client = EngineClient()
    let stream = try client.request(method.path, [("grpc-timeout", "50m")])
    client.advance(by: .milliseconds(49))
    #expect(client.cancellations.isEmpty)
    client.advance(by: .milliseconds(1))
    client.advance(by: .seconds(1))

    #expect(client.cancellations == [.deadlineExceeded])
    #expect(try client.seen(stream).grpcStatus == "4")
    #expect(client.server.activeCalls == 1)
    client.server.respond(stream, Sample.text("too late"))
    client.server.handlerReturned(stream)
    client.exchange()
    #expect(try client.seen(stream).blocks.count == 1)
    #expect(client.server.activeCalls == 0)
  }

  @Test func aDeadlineThatPassesAfterTheFirstResponseEndsTheStreamWithTrailers() throws {
    let client = EngineClient()
    let stream = try client.request(Sample.download.path, [("grpc-timeout", "50m")])
    #expect(client.server.sendMessage(stream, Sample.text("one")) == nil)
    client.advance(by: .milliseconds(50))
    let seen = try client.seen(stream)
    #expect(seen.body == Sample.framed(Array("one".utf8)))
    #expect(seen.trailers?["grpc-status"] == "4")
    #expect(client.cancellations == [.deadlineExceeded])
  }

  @Test func aCallThatWasAnsweredInTimeIsNotCancelled() throws {
    let client = EngineClient()
    let stream = try client.request(Sample.unary.path, [("grpc-timeout", "50m")])
    client.server.respond(stream, Sample.text("in time"))
    client.server.handlerReturned(stream)
    client.exchange()
    client.advance(by: .seconds(1))
    #expect(client.cancellations.isEmpty)
    #expect(try client.seen(stream).grpcStatus == "0")
  }
}
