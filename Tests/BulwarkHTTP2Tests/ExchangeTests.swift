import BulwarkHTTP2
import NIOCore
import Testing

/// Whole calls between our client and our server.
@Suite struct ExchangeTests {
  /// Sends a request with a body, and answers it with the same body and trailers.
  private func echo(_ link: LinkedSessions, _ body: [UInt8]) throws -> HTTP2StreamID {
    let stream = try #require(link.client.sendRequest(Sample.request(), endStream: false))
    let prefix = HTTP2Prefix(flag: 0, length: UInt32(body.count))
    #expect(link.client.sendData(stream, prefix: prefix, ByteBuffer(bytes: body)))
    #expect(link.client.finish(stream, trailers: nil))
    var isAnswered = false
    link.run {
      guard !isAnswered, let seen = link.serverSees.streams[stream], seen.hasEnded else { return false }
      isAnswered = true
      return link.server.sendHeaders(stream, Sample.response, endStream: false)
        && link.server.sendData(stream, prefix: nil, ByteBuffer(bytes: seen.body))
        && link.server.finish(stream, trailers: Sample.trailers)
    }
    return stream
  }

  @Test(arguments: [1, 2, 3, 5, 8, 9, 10, 13, 17, 64, 1_000, .max])
  func aCallGoesThroughInPiecesOfAnySize(chunk: Int) throws {
    let link = LinkedSessions(chunk: chunk)
    let body = Sample.body(300)
    let stream = try self.echo(link, body)

    let request = try #require(link.serverSees.streams[stream])
    #expect(
      request.blocks == [
        .init(
          kind: .initial,
          fields: [
            ":method: POST", ":scheme: http", ":path: /service/method", ":authority: server",
            "content-type: application/grpc", "authorization: secret",
          ],
          endStream: false
        )
      ]
    )
    #expect(request.body == [0, 0, 0, 1, 44] + body)
    #expect(request.closed == [.init(code: .noError, by: .local)])

    let response = try #require(link.clientSees.streams[stream])
    #expect(response.blocks.map(\.kind) == [.initial, .trailing])
    #expect(response.blocks.map(\.endStream) == [false, true])
    #expect(response.blocks.last?.fields == ["grpc-status: 0"])
    #expect(response.body == request.body)
    #expect(response.closed == [.init(code: .noError, by: .peer)])
    #expect(link.clientSees.late == 0 && link.serverSees.late == 0)
    #expect(link.client.openStreams == 0 && link.server.openStreams == 0)
  }

  @Test func anAnswerOfHeadersAloneIsInitialAndEnds() throws {
    let link = LinkedSessions()
    let stream = try #require(link.client.sendRequest(Sample.request(), endStream: true))
    link.run()
    #expect(link.server.sendHeaders(stream, Sample.response, endStream: true))
    link.run()
    let seen = try #require(link.clientSees.streams[stream])
    #expect(seen.blocks.map(\.kind) == [.initial])
    #expect(seen.blocks.map(\.endStream) == [true])
    #expect(seen.closed == [.init(code: .noError, by: .peer)])
    #expect(link.serverSees.streams[stream]?.closed == [.init(code: .noError, by: .local)])
  }

  @Test func trailersMayFollowHeadersWithoutABody() throws {
    let link = LinkedSessions()
    let stream = try #require(link.client.sendRequest(Sample.request(), endStream: true))
    link.run()
    #expect(link.server.sendHeaders(stream, Sample.response, endStream: false))
    #expect(link.server.finish(stream, trailers: Sample.trailers))
    link.run()
    let seen = try #require(link.clientSees.streams[stream])
    #expect(seen.blocks.map(\.kind) == [.initial, .trailing])
    #expect(seen.body.isEmpty)
    #expect(seen.closed.count == 1)
  }

  @Test func aRequestMayEndWithTrailers() throws {
    let link = LinkedSessions()
    let stream = try #require(link.client.sendRequest(Sample.request(), endStream: false))
    #expect(link.client.sendData(stream, prefix: nil, ByteBuffer(string: "body")))
    #expect(link.client.finish(stream, trailers: Sample.list(("x-checksum", "1"))))
    link.run()
    let seen = try #require(link.serverSees.streams[stream])
    #expect(seen.blocks.map(\.kind) == [.initial, .trailing])
    #expect(seen.blocks.last?.fields == ["x-checksum: 1"])
    #expect(seen.hasEnded && seen.body == Array("body".utf8))
  }

  @Test func aBodyThatEndsLaterEndsWithAnEmptyFrame() throws {
    let link = LinkedSessions()
    let stream = try #require(link.client.sendRequest(Sample.request(), endStream: false))
    #expect(link.client.sendData(stream, prefix: nil, ByteBuffer(string: "body")))
    link.run()
    #expect(link.serverSees.streams[stream]?.hasEnded == false)
    #expect(link.client.finish(stream, trailers: nil))
    link.run()
    #expect(link.serverSees.streams[stream]?.hasEnded == true)
    #expect(link.serverSees.streams[stream]?.body == Array("body".utf8))
  }

  @Test func aPrefixIsCutWhereverAFrameEnds() throws {
    for window in 1...12 {
      var limits = HTTP2Limits()
      limits.streamWindow = window
      let link = LinkedSessions(server: limits)
      link.run()
      let stream = try #require(link.client.sendRequest(Sample.request(), endStream: false))
      for number in UInt32(1)...3 {
        let prefix = HTTP2Prefix(flag: 1, length: number)
        #expect(link.client.sendData(stream, prefix: prefix, ByteBuffer(bytes: [0xaa, 0xbb])))
      }
      #expect(link.client.finish(stream, trailers: nil))
      link.run()
      let message: (UInt8) -> [UInt8] = { [1, 0, 0, 0, $0, 0xaa, 0xbb] }
      #expect(link.serverSees.streams[stream]?.body == message(1) + message(2) + message(3))
    }
  }

  @Test func manyCallsAtOnceEachEndOnce() throws {
    let link = LinkedSessions(chunk: 777)
    link.run()
    let ids = try (0..<200).map { number in
      let stream = try #require(link.client.sendRequest(Sample.request(), endStream: false))
      #expect(link.client.sendData(stream, prefix: nil, ByteBuffer(bytes: Sample.body(number * 50))))
      #expect(link.client.finish(stream, trailers: nil))
      return stream
    }
    var answered: Set<HTTP2StreamID> = []
    link.run {
      let ready = link.serverSees.streams.filter { $0.value.hasEnded && !answered.contains($0.key) }
      for (id, seen) in ready {
        answered.insert(id)
        #expect(link.server.sendHeaders(id, Sample.response, endStream: false))
        #expect(link.server.sendData(id, prefix: nil, ByteBuffer(bytes: seen.body)))
        #expect(link.server.finish(id, trailers: Sample.trailers))
      }
      return !ready.isEmpty
    }
    for (number, id) in ids.enumerated() {
      #expect(link.clientSees.streams[id]?.body == Sample.body(number * 50))
      #expect(link.clientSees.streams[id]?.closed == [.init(code: .noError, by: .peer)])
      #expect(link.serverSees.streams[id]?.closed.count == 1)
    }
  }

  @Test func aPingComesBackWithItsBytes() {
    let link = LinkedSessions()
    link.client.ping(0x0102_0304_0506_0708)
    link.server.ping(.max)
    link.run()
    #expect(link.clientSees.pings == [0x0102_0304_0506_0708])
    #expect(link.serverSees.pings == [.max])
  }

  @Test func settingsBecomeKnownWithTheFirstFrames() {
    var limits = HTTP2Limits()
    limits.maxConcurrentStreams = 7
    let link = LinkedSessions(server: limits)
    #expect(link.client.peerMaxConcurrentStreams == 100)
    #expect(!link.client.hasReceivedSettings && !link.server.hasReceivedSettings)
    link.run()
    #expect(link.client.peerMaxConcurrentStreams == 7)
    #expect(link.client.hasReceivedSettings && link.server.hasReceivedSettings)
    #expect(link.clientSees.settings == 1 && link.serverSees.settings == 1)
  }

  @Test func countersAddUpOnBothSides() throws {
    let link = LinkedSessions()
    _ = try self.echo(link, Sample.body(100))
    #expect(link.client.counters.bytesSent == link.server.counters.bytesReceived)
    #expect(link.server.counters.bytesSent == link.client.counters.bytesReceived)
    #expect(link.client.counters.framesSent == link.server.counters.framesReceived)
    #expect(link.server.counters.framesSent == link.client.counters.framesReceived)
    #expect(link.client.counters.streamsOpened == 1 && link.server.counters.streamsOpened == 1)
    #expect(link.server.counters.glitches == 0 && link.client.counters.glitches == 0)
  }
}
