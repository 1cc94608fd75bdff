import BulwarkCore
import BulwarkHTTP2
import BulwarkTestKit
import BulwarkWire
import NIOCore
import Testing

/// A server that says exactly what a test wants, opposite a `ClientConnection`.
final class EngineServer {
  let clock = VirtualClock()
  let client: ClientConnection
  let session: HTTP2ServerSession
  /// Every frame of the client.
  var frames: [RawFrame] = []
  /// Every output of the client's connection.
  var outputs: [ClientOutput] = []
  /// What the server saw.
  var log = StreamLog()
  private var parser = RawFrameParser(skippingPreface: true)

  init(
    limits: WireLimits = WireLimits(),
    http2: HTTP2Limits = HTTP2Limits(),
    keepalive: ClientKeepalive = ClientKeepalive(),
    accepting: CompressionAlgorithms = .all
  ) {
    self.client = ClientConnection(
      authority: "server.test",
      userAgent: "test",
      limits: limits,
      keepalive: keepalive,
      accepting: accepting,
      now: self.clock.now
    )
    self.session = HTTP2ServerSession(limits: http2, now: 0)
    self.exchange()
  }

  static func fields(_ fields: [(String, String)]) -> HTTP2FieldList {
    var list = HTTP2FieldList()
    for (name, value) in fields {
      list.add(name: name, value: value)
    }
    return list
  }

  static let headers = [(":status", "200"), ("content-type", "application/grpc")]

  /// Starts a call at the client under test.
  func call(
    _ method: MethodDescriptor = Sample.unary,
    metadata: Metadata = [:],
    timeout: Duration? = nil,
    maxResponseBytes: Int = 4 << 20,
    message: ByteBuffer? = Sample.text("ping")
  ) throws -> HTTP2StreamID {
    let request = ClientRequest(
      method: method,
      metadata: metadata,
      deadline: timeout.map { self.clock.now.advanced(by: $0) },
      maxResponseBytes: maxResponseBytes
    )
    let stream = try #require(try self.client.start(request, onlyMessage: message, now: self.clock.now))
    self.exchange()
    return stream
  }

  /// Answers with these headers, body and trailers; without trailers and body the headers are the whole answer.
  func answer(
    _ stream: HTTP2StreamID,
    _ headers: [(String, String)] = headers,
    body: [UInt8]? = nil,
    trailers: [(String, String)]? = nil
  ) {
    let endStream = body == nil && trailers == nil
    _ = self.session.sendHeaders(stream, Self.fields(headers), endStream: endStream)
    if let body {
      _ = self.session.sendData(stream, prefix: nil, ByteBuffer(bytes: body))
    }
    if !endStream {
      _ = self.session.finish(stream, trailers: trailers.map { Self.fields($0) })
    }
    self.exchange()
  }

  /// Sends frames that the server's own session knows nothing of.
  func inject(_ frames: RawFrame...) {
    self.client.receive(ByteBuffer(bytes: frames.flatMap(\.bytes)), now: self.clock.now)
    self.exchange()
  }

  /// Moves bytes both ways until neither side has any.
  func exchange() {
    var isBusy = true
    while isBusy {
      isBusy = false
      self.takeOutputs()
      var up = ByteBuffer()
      _ = self.client.takeOutbound(into: &up, limit: 65_536)
      self.frames += self.parser.append(up.readableBytesView)
      if up.readableBytes > 0 {
        isBusy = true
        self.session.receive(up, now: self.clock.now.nanoseconds)
        self.log.drain(self.session, up)
      }
      var down = ByteBuffer()
      _ = self.session.takeOutbound(into: &down, limit: 65_536)
      self.log.drain(self.session)
      if down.readableBytes > 0 {
        isBusy = true
        self.client.receive(down, now: self.clock.now)
      }
    }
    self.takeOutputs()
  }

  private func takeOutputs() {
    while let output = self.client.nextOutput() {
      self.outputs.append(output)
    }
  }

  /// Every end that a call had; a call has one.
  func failures(_ stream: HTTP2StreamID) -> [ClientFailure] {
    self.outputs.compactMap {
      if case .failed(stream, let failure) = $0 { failure } else { nil }
    }
  }

  /// The call's only end, if it is a failure.
  func failure(_ stream: HTTP2StreamID) throws -> RPCError {
    let failures = self.failures(stream)
    #expect(failures.count == 1)
    return try #require(failures.first).error
  }

  /// The answers of a unary call.
  func answers(_ stream: HTTP2StreamID) -> [Response<ByteBuffer>] {
    self.outputs.compactMap {
      if case .unaryAnswered(stream, let response) = $0 { response } else { nil }
    }
  }

  /// Moves the clock, and has the client look at it.
  func advance(by duration: Duration) {
    self.clock.advance(by: duration)
    self.client.deadlineReached(now: self.clock.now)
    self.exchange()
  }
}
