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
}
