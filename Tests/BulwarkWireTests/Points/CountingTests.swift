import BulwarkCore
import BulwarkHTTP2
import BulwarkTestKit
import NIOCore
import Testing

@testable import BulwarkWire

/// What a connection counts for channelz.
@Suite struct CountingTests {
  private static func client(keepalive: Duration? = nil) -> (EngineClient, ConnectionCounters) {
    var life = ServerConnectionLife()
    life.keepaliveTime = keepalive
    let client = EngineClient(life: life)
    let counters = ConnectionCounters(time: client.clock.timeSource)
    client.server.counters = counters
    return (client, counters)
  }

  private static func server(keepalive: ClientKeepalive = ClientKeepalive()) -> (
    EngineServer, ConnectionCounters
  ) {
    let server = EngineServer(keepalive: keepalive)
    let counters = ConnectionCounters(time: server.clock.timeSource)
    server.client.counters = counters
    return (server, counters)
  }

  // MARK: - A server's connection

  @Test func `An answered call has a message each way and has ended well`() throws {
    let (client, counters) = Self.client()
    let call = try client.request()
    #expect(counters.totals.calls.started == 1)
    #expect(counters.totals.calls.succeeded == 0)
    client.advance(by: .seconds(1))
    client.server.respond(call, Sample.text("pong"))
    client.exchange()
    let totals = counters.totals
    #expect(totals.calls.succeeded == 1)
    #expect(totals.calls.failed == 0)
    #expect(totals.streamsSucceeded == 1)
    #expect(totals.messagesReceived == 1)
    #expect(totals.messagesSent == 1)
    #expect(totals.lastMessageSent == client.clock.now)
    #expect(totals.calls.lastStarted == client.clock.now.advanced(by: .seconds(-1)))
    #expect(totals.lastMessageReceived == totals.calls.lastStarted)
  }

  @Test func `A call that is refused before it has a handler has failed and its stream has not`() throws {
    let (client, counters) = Self.client()
    try client.request("/no.Such/Method")
    try client.request("/nothing")
    try client.request(body: Sample.framed([1]) + Sample.framed([2]))
    let totals = counters.totals
    #expect(totals.calls.started == 3)
    #expect(totals.calls.failed == 3)
    #expect(totals.streamsSucceeded == 3)
    #expect(totals.streamsFailed == 0)
  }

  @Test func `A call that the client resets has failed and so has its stream`() throws {
    let (client, counters) = Self.client()
    let call = try client.request()
    client.session.reset(call, .cancel, isGlitch: false)
    client.exchange()
    #expect(counters.totals.calls.failed == 1)
    #expect(counters.totals.streamsFailed == 1)
    #expect(counters.totals.streamsSucceeded == 0)
  }

  @Test func `Calls that are open when the connection is lost have failed`() throws {
    let (client, counters) = Self.client()
    try client.request()
    try client.request()
    client.server.connectionClosed(now: client.clock.now)
    #expect(counters.totals.calls.failed == 2)
    #expect(counters.totals.streamsFailed == 2)
  }

  @Test func `The pings of a server's keepalive are counted`() throws {
    let (client, counters) = Self.client(keepalive: .seconds(30))
    try client.request()
    client.advance(by: .seconds(31))
    #expect(counters.totals.keepalivesSent == 1)
    client.advance(by: .seconds(31))
    #expect(counters.totals.keepalivesSent == 2)
  }

  // MARK: - A client's connection

  @Test func `A client's call that is answered with OK has succeeded`() throws {
    let (server, counters) = Self.server()
    let call = try server.call()
    #expect(counters.totals.calls.started == 1)
    #expect(counters.totals.messagesSent == 1)
    server.answer(call, body: Sample.framed([1]), trailers: [("grpc-status", "0")])
    let totals = counters.totals
    #expect(totals.calls.succeeded == 1)
    #expect(totals.streamsSucceeded == 1)
    #expect(totals.messagesReceived == 1)
  }

  @Test func `An error is a call that failed on a stream that came to its end`() throws {
    let (server, counters) = Self.server()
    let call = try server.call()
    server.answer(call, EngineServer.headers + [("grpc-status", "5")])
    let totals = counters.totals
    #expect(totals.calls.failed == 1)
    #expect(totals.streamsSucceeded == 1)
    #expect(totals.messagesReceived == 0)
  }

  @Test func `What the server or the caller breaks off is a stream that failed`() throws {
    let (server, counters) = Self.server()
    let reset = try server.call()
    server.session.reset(reset, .internalError, isGlitch: false)
    server.exchange()
    let cancelled = try server.call()
    server.client.cancel(cancelled)
    server.exchange()
    let totals = counters.totals
    #expect(totals.calls.started == 2)
    #expect(totals.calls.failed == 2)
    #expect(totals.streamsFailed == 2)
    #expect(totals.streamsSucceeded == 0)
  }

  @Test func `The pings of a client's keepalive are counted`() throws {
    let (server, counters) = Self.server(keepalive: ClientKeepalive(time: .seconds(10)))
    _ = try server.call()
    server.advance(by: .seconds(10))
    #expect(counters.totals.keepalivesSent == 1)
  }

  // MARK: - Windows

  @Test func `What is left of the windows goes down with what is sent and is gone at the end`() throws {
    let (server, _) = Self.server()
    let before = try #require(server.client.windows)
    _ = try server.call(message: Sample.bytes(1_000))
    let after = try #require(server.client.windows)
    #expect(before.sending - after.sending == 1_005)
    #expect(after.receiving == before.receiving)
    server.client.connectionClosed()
    #expect(server.client.windows == nil)
  }
}
