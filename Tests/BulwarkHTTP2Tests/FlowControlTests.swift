import BulwarkHTTP2
import NIOCore
import Testing

/// Windows, queues and turns: nobody sends more than was asked for, and nothing stops for ever.
@Suite struct FlowControlTests {
  private func open(_ link: LinkedSessions) throws -> HTTP2StreamID {
    let stream = try #require(link.client.sendRequest(Sample.request(), endStream: false))
    link.run()
    return stream
  }

  @Test func aSenderStopsExactlyAtTheStreamsWindow() throws {
    var limits = HTTP2Limits()
    limits.streamWindow = 100_000
    let link = LinkedSessions(server: limits)
    link.run()
    link.serverSees.consumes = false
    let stream = try self.open(link)
    let body = Sample.body(250_000)
    #expect(link.client.sendData(stream, prefix: nil, ByteBuffer(bytes: body)))
    #expect(link.client.finish(stream, trailers: nil))
    link.run()
    #expect(link.serverSees.streams[stream]?.body.count == 100_000)
    #expect(link.client.queuedBytes(stream) == 150_000)

    link.server.consume(stream, 60_000)
    link.run()
    #expect(link.serverSees.streams[stream]?.body.count == 160_000)
    link.server.consume(stream, 100_000)
    link.run()
    #expect(link.serverSees.streams[stream]?.body == body)
    #expect(link.serverSees.streams[stream]?.hasEnded == true)
  }

  @Test func theConnectionsWindowBoundsAllStreamsTogether() throws {
    var limits = HTTP2Limits()
    limits.streamWindow = 1 << 20
    limits.connectionWindow = 200_000
    let link = LinkedSessions(server: limits)
    link.run()
    link.serverSees.consumes = false
    let ids = try (0..<4).map { _ in try self.open(link) }
    for id in ids {
      #expect(link.client.sendData(id, prefix: nil, ByteBuffer(bytes: Sample.body(100_000))))
      #expect(link.client.finish(id, trailers: nil))
    }
    link.run()
    let received = { ids.compactMap { link.serverSees.streams[$0]?.body.count }.reduce(0, +) }
    #expect(received() == 200_000)
    link.run {
      var progressed = false
      for id in ids where received() < 400_000 {
        link.server.consume(id, 100_000)
        progressed = true
      }
      return progressed
    }
    #expect(received() == 400_000)
  }

  @Test func bothSidesSendFarMoreThanTheirWindows() throws {
    var limits = HTTP2Limits()
    limits.streamWindow = 65_536
    limits.connectionWindow = 65_536
    let link = LinkedSessions(client: limits, server: limits, chunk: 5_000)
    let stream = try self.open(link)
    let up = Sample.body(700_000)
    let down = Sample.body(900_001)
    #expect(link.server.sendHeaders(stream, Sample.response, endStream: false))
    #expect(link.client.sendData(stream, prefix: nil, ByteBuffer(bytes: up)))
    #expect(link.server.sendData(stream, prefix: nil, ByteBuffer(bytes: down)))
    #expect(link.client.finish(stream, trailers: nil))
    link.run()
    #expect(link.server.finish(stream, trailers: Sample.trailers))
    link.run()
    #expect(link.serverSees.streams[stream]?.body == up)
    #expect(link.clientSees.streams[stream]?.body == down)
    #expect(link.clientSees.streams[stream]?.closed == [.init(code: .noError, by: .peer)])
  }

  @Test func creditOfAStreamThatEndedGoesBackToTheConnectionOnce() throws {
    var limits = HTTP2Limits()
    limits.streamWindow = 65_536
    limits.connectionWindow = 65_536
    let link = LinkedSessions(server: limits)
    link.run()
    link.serverSees.consumes = false
    // Far more than the connection's window in all, and nobody consumes a byte.
    for _ in 0..<20 {
      let stream = try self.open(link)
      #expect(link.client.sendData(stream, prefix: nil, ByteBuffer(bytes: Sample.body(60_000))))
      link.run()
      #expect(link.serverSees.streams[stream]?.body.count == 60_000)
      link.server.reset(stream, .cancel, isGlitch: false)
      link.run()
      link.server.consume(stream, 60_000)
    }
    // Had it come back twice, the client could send more than the window now.
    let stream = try self.open(link)
    #expect(link.client.sendData(stream, prefix: nil, ByteBuffer(bytes: Sample.body(60_000))))
    let other = try self.open(link)
    #expect(link.client.sendData(other, prefix: nil, ByteBuffer(bytes: Sample.body(60_000))))
    link.run()
    let received = [stream, other].compactMap { link.serverSees.streams[$0]?.body.count }.reduce(0, +)
    #expect(received == 65_536)
  }

  @Test func consumingMoreThanWasReceivedGivesNoMoreCredit() throws {
    var limits = HTTP2Limits()
    limits.streamWindow = 70_000
    let link = LinkedSessions(server: limits)
    link.run()
    link.serverSees.consumes = false
    let stream = try self.open(link)
    #expect(link.client.sendData(stream, prefix: nil, ByteBuffer(bytes: Sample.body(300_000))))
    link.run()
    link.server.consume(stream, .max)
    link.server.consume(stream, .max)
    link.server.consume(stream, -5)
    link.run()
    #expect(link.serverSees.streams[stream]?.body.count == 140_000)
  }

  @Test func payloadForARejectedRequestDoesNotHoldTheWindow() throws {
    var limits = HTTP2Limits()
    limits.connectionWindow = 65_535
    let link = LinkedSessions(server: limits)
    link.run()
    let rejected = try #require(link.client.sendRequest(Sample.request(path: "/nowhere"), endStream: false))
    #expect(link.client.sendData(rejected, prefix: nil, ByteBuffer(bytes: Sample.body(400_000))))
    link.run()
    #expect(link.serverSees.streams[rejected]?.rejections == [.invalidPath])
    #expect(link.serverSees.streams[rejected]?.body == [])
    #expect(link.client.queuedBytes(rejected) == 0)
  }

  @Test func writabilityIsReportedOncePerFilling() throws {
    let link = LinkedSessions()
    let stream = try self.open(link)
    #expect(link.client.sendData(stream, prefix: nil, ByteBuffer(bytes: Sample.body(100_000))))
    link.run()
    #expect(link.clientSees.streams[stream]?.writable ?? 0 == 0)
    #expect(link.client.sendData(stream, prefix: nil, ByteBuffer(bytes: Sample.body(300_000))))
    #expect(link.client.isBackedUp(stream))
    link.run()
    #expect(link.clientSees.streams[stream]?.writable == 1)
    #expect(!link.client.isBackedUp(stream))
    #expect(link.client.queuedBytes(stream) == 0)
  }

  @Test(arguments: [true, false])
  func streamsTakeTurns(serverSends: Bool) throws {
    let link = LinkedSessions()
    link.run()
    let ids = try (0..<3).map { _ in try self.open(link) }
    let sender: HTTP2Session = serverSends ? link.server : link.client
    for id in ids {
      if serverSends {
        #expect(link.server.sendHeaders(id, Sample.response, endStream: false))
      }
      #expect(sender.sendData(id, prefix: nil, ByteBuffer(bytes: Sample.body(500_000))))
    }
    var bytes = ByteBuffer()
    #expect(sender.takeOutbound(into: &bytes, limit: 500_000))
    // After a third of all bytes, no stream has had much more than its third.
    for id in ids {
      #expect((300_000..<400_000).contains(sender.queuedBytes(id)))
    }
  }

  @Test func outboundIsHandedOutInPiecesOfAboutTheLimit() throws {
    let link = LinkedSessions()
    let stream = try self.open(link)
    #expect(link.client.sendData(stream, prefix: nil, ByteBuffer(bytes: Sample.body(200_000))))
    var sizes: [Int] = []
    var more = true
    while more {
      var bytes = ByteBuffer()
      more = link.client.takeOutbound(into: &bytes, limit: 50_000)
      sizes.append(bytes.readableBytes)
    }
    #expect(sizes.count == 4)
    #expect(sizes.allSatisfy { $0 < 50_000 + 16_384 + 9 })
    #expect(sizes.reduce(0, +) == 200_000 + 13 * 9)
  }

  @Test func aQueueAboveTheConnectionsCapCostsItsOwnStream() throws {
    var limits = HTTP2Limits()
    limits.maxOutboundBytes = 100_000
    let link = LinkedSessions(server: limits)
    link.run()
    let ids = try (0..<3).map { _ in try self.open(link) }
    for id in ids {
      #expect(link.server.sendHeaders(id, Sample.response, endStream: false))
    }
    // Alone, a payload of any size is taken.
    #expect(link.server.sendData(ids[0], prefix: nil, ByteBuffer(bytes: Sample.body(150_000))))
    #expect(!link.server.sendData(ids[1], prefix: nil, ByteBuffer(bytes: Sample.body(1))))
    link.run()
    #expect(link.clientSees.streams[ids[0]]?.body.count == 150_000)
    #expect(link.clientSees.streams[ids[1]]?.closed == [.init(code: .enhanceYourCalm, by: .peer)])
    #expect(link.server.sendData(ids[2], prefix: nil, ByteBuffer(bytes: Sample.body(100_000))))
    link.run()
    #expect(link.clientSees.streams[ids[2]]?.body.count == 100_000)
  }
}
