import NIOCore
import Testing

@testable import BulwarkHTTP2

/// Sessions of one thread hand their blocks of memory on to each other.
@Suite struct SharedMemoryTests {
  private let memory: HTTP2Memory

  init() {
    self.memory = HTTP2Memory()
  }

  /// A server session, and a client's that has made so many requests of it and had them answered.
  private func exchange(_ requests: Int, with server: HTTP2ServerSession, fieldBytes: Int = 8) {
    let client = HTTP2ClientSession(limits: HTTP2Limits(), now: 0)
    var request = HTTP2FieldList()
    for (name, value) in [(":method", "POST"), (":scheme", "http"), (":path", "/a/b"), (":authority", "c")] {
      request.add(name: name, value: value)
    }
    request.add(name: "text", value: String(repeating: "x", count: fieldBytes))
    var response = HTTP2FieldList()
    response.add(name: ":status", value: "200")
    for _ in 0..<requests { _ = client.sendRequest(request, endStream: true) }
    var answered = 0
    for _ in 0..<4 {
      var bytes = ByteBuffer()
      _ = client.takeOutbound(into: &bytes, limit: .max / 2)
      server.receive(bytes, now: 0)
      while let event = server.nextEvent() {
        guard case .headers(let stream, _, _, _) = event else { continue }
        #expect(server.sendHeaders(stream, response, endStream: true))
        answered += 1
      }
      bytes.clear()
      _ = server.takeOutbound(into: &bytes, limit: .max / 2)
      client.receive(bytes, now: 0)
      while client.nextEvent() != nil {}
    }
    #expect(answered == requests)
    #expect(client.openStreams == 0 && server.openStreams == 0)
  }

  @Test func whatOneCallHasFreedServesTheNext() {
    let server = HTTP2ServerSession(limits: HTTP2Limits(), memory: self.memory, now: 0)
    self.exchange(1, with: server)
    let kept = self.memory.keptBytes
    #expect(kept > 0)
    server.close()
    let next = HTTP2ServerSession(limits: HTTP2Limits(), memory: self.memory, now: 0)
    #expect(self.memory.keptBytes < kept + 2_048)
    self.exchange(1, with: next)
    next.close()
    #expect(self.memory.keptBytes >= kept)
  }

  @Test func noMoreIsKeptThanTheLimit() {
    let small = HTTP2Memory(keepingUpTo: 1_024)
    let server = HTTP2ServerSession(limits: HTTP2Limits(), memory: small, now: 0)
    self.exchange(100, with: server)
    #expect((1...1_024).contains(small.keptBytes))
    server.close()
    #expect((1...1_024).contains(small.keptBytes))
  }

  @Test(arguments: [0, 1, 47, 48, 49, 1_007, 1_008, 1_009, 6_000])
  func fieldsOfAnySizeComeThrough(bytes: Int) {
    let server = HTTP2ServerSession(limits: HTTP2Limits(), memory: self.memory, now: 0)
    self.exchange(3, with: server, fieldBytes: bytes)
    server.close()
  }

  @Test func aSessionThatWasNotClosedGivesItsBlocksToTheSystem() {
    var server: HTTP2ServerSession? = HTTP2ServerSession(limits: HTTP2Limits(), memory: self.memory, now: 0)
    if let server { self.exchange(1, with: server) }
    let kept = self.memory.keptBytes
    server = nil
    #expect(self.memory.keptBytes == kept)
  }

  @Test func sessionsOutliveWhoeverMadeTheirMemory() {
    var memory: HTTP2Memory? = HTTP2Memory()
    let server = HTTP2ServerSession(limits: HTTP2Limits(), memory: memory, now: 0)
    memory = nil
    self.exchange(20, with: server)
    server.close()
  }

  /// Answers of several frames, header blocks among them, of which each session sends one at a time.
  @Test func sessionsThatSendInTurnDoNotMixTheirFrames() {
    var limits = HTTP2Limits()
    limits.maxHeaderListBytes = 1 << 20
    let texts = ["a", "b", "c"].map { String(repeating: $0, count: 15_000) }
    let clients = texts.map { _ in HTTP2ClientSession(limits: limits, now: 0) }
    let servers = texts.map { _ in HTTP2ServerSession(limits: HTTP2Limits(), memory: self.memory, now: 0) }
    let observers = texts.map { _ in SessionObserver() }
    for (index, server) in servers.enumerated() {
      _ = clients[index].sendRequest(Sample.request(), endStream: true)
      var bytes = ByteBuffer()
      _ = clients[index].takeOutbound(into: &bytes, limit: .max / 2)
      server.receive(bytes, now: 0)
      #expect(server.sendHeaders(1, self.response(texts[index]), endStream: false))
      #expect(server.sendData(1, prefix: nil, ByteBuffer(string: texts[index])))
    }
    var frames = 0
    for _ in 0..<20 {
      for (index, server) in servers.enumerated() {
        var bytes = ByteBuffer()
        _ = server.takeOutbound(into: &bytes, limit: 1)
        frames += bytes.readableBytes > 0 ? 1 : 0
        clients[index].receive(bytes, now: 0)
        observers[index].drain(clients[index], bytes)
      }
    }
    #expect(frames >= 3 * 6)
    for (text, observer) in zip(texts, observers) {
      let wanted = [":status: 200"] + (0..<4).map { "text-\($0): \(text)" }
      #expect(observer.streams[1]?.blocks.map(\.fields) == [wanted])
      #expect(observer.streams[1]?.body == Array(text.utf8))
    }
  }

  private func response(_ text: String) -> HTTP2FieldList {
    var response = HTTP2FieldList()
    response.add(name: ":status", value: "200")
    for number in 0..<4 { response.add(name: "text-\(number)", value: text, neverIndex: true) }
    return response
  }
}
