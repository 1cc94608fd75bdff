import BulwarkCore
import BulwarkHTTP2
import BulwarkTestKit
import BulwarkWire
import NIOCore
import Testing

/// A client that says exactly what a test wants, opposite a `ServerConnection`.
final class EngineClient {
  let clock = VirtualClock()
  let server: ServerConnection
  let session: HTTP2ClientSession
  /// Every frame of the server.
  var frames: [RawFrame] = []
  /// Every output of the server's connection.
  var outputs: [ServerOutput] = []
  /// What the client saw.
  var log = StreamLog()
  private var parser = RawFrameParser()

  init(
    limits: WireLimits = WireLimits(),
    http2: HTTP2Limits = HTTP2Limits(),
    compression: CompressionOptions = CompressionOptions(),
    gates: [any AdmissionGate] = [],
    life: ServerConnectionLife = ServerConnectionLife(),
    peer: Peer = Peer(address: "test"),
    recurring: RecurringRequest = RecurringRequest()
  ) {
    var registry = Sample.registry()
    registry.protect(gates: gates, interceptors: [])
    self.server = ServerConnection(
      methods: MethodTable(registry),
      peer: peer,
      http2Limits: http2,
      limits: limits,
      life: life,
      compression: compression,
      recurring: recurring,
      time: self.clock.timeSource,
      now: self.clock.now
    )
    self.session = HTTP2ClientSession(limits: HTTP2Limits(), now: 0)
    self.exchange()
  }

  /// A well-formed request's fields; a nil value takes a field away.
  static func fields(
    _ path: String = Sample.unary.path,
    _ changes: [(String, String?)] = []
  ) -> HTTP2FieldList {
    var all: [(String, String)] = [
      (":method", "POST"), (":scheme", "http"), (":path", path), (":authority", "test"),
      ("te", "trailers"), ("content-type", "application/grpc"),
    ]
    for (name, value) in changes {
      if let index = all.firstIndex(where: { $0.0 == name }) {
        if let value { all[index].1 = value } else { all.remove(at: index) }
      } else if let value {
        all.append((name, value))
      }
    }
    var list = HTTP2FieldList()
    for (name, value) in all {
      list.add(name: name, value: value)
    }
    return list
  }

  /// Sends a request, with these bytes as its body and the end after them, and takes all that comes of it.
  @discardableResult
  func request(
    _ path: String = Sample.unary.path,
    _ changes: [(String, String?)] = [],
    body: [UInt8]? = Sample.framed([1, 2, 3]),
    endStream: Bool = true
  ) throws -> HTTP2StreamID {
    let fields = Self.fields(path, changes)
    let stream = try #require(self.session.sendRequest(fields, endStream: body == nil && endStream))
    if let body {
      _ = self.session.sendData(stream, prefix: nil, ByteBuffer(bytes: body))
      if endStream {
        _ = self.session.finish(stream, trailers: nil)
      }
    }
    self.exchange()
    return stream
  }

  /// What the client saw of a stream.
  func seen(_ stream: HTTP2StreamID) throws -> StreamLog.Stream {
    try #require(self.log.streams[stream])
  }

  /// Sends frames that the client's own session knows nothing of.
  func inject(_ frames: RawFrame...) {
    self.server.receive(ByteBuffer(bytes: frames.flatMap(\.bytes)), now: self.clock.now)
    self.exchange()
  }

  /// Moves bytes both ways until neither side has any.
  func exchange() {
    var isBusy = true
    while isBusy {
      isBusy = false
      self.takeOutputs()
      var up = ByteBuffer()
      _ = self.session.takeOutbound(into: &up, limit: 65_536)
      self.log.drain(self.session)
      if up.readableBytes > 0 {
        isBusy = true
        self.server.receive(up, now: self.clock.now)
      }
      self.takeOutputs()
      var down = ByteBuffer()
      _ = self.server.takeOutbound(into: &down, limit: 65_536)
      self.frames += self.parser.append(down.readableBytesView)
      if down.readableBytes > 0 {
        isBusy = true
        self.session.receive(down, now: self.clock.now.nanoseconds)
        self.log.drain(self.session, down)
      }
    }
    self.takeOutputs()
  }

  private func takeOutputs() {
    while let output = self.server.nextOutput() {
      self.outputs.append(output)
    }
  }

  /// The frames of the server that belong to a stream.
  func frames(of stream: HTTP2StreamID) -> [RawFrame] {
    self.frames.filter { $0.stream == stream }
  }

  /// The frames of the server of one kind.
  func frames(_ kind: RawFrame.Kind) -> [RawFrame] {
    self.frames.filter { $0.kind == kind }
  }

  /// The calls for which a handler was started.
  var started: [ServerCall] {
    self.outputs.compactMap {
      switch $0 {
      case .startUnary(let call, message: _), .startStream(let call): call
      default: nil
      }
    }
  }

  /// The cancellations that handlers were told of.
  var cancellations: [RPCError] {
    self.outputs.compactMap { if case .cancel(_, let error) = $0 { error } else { nil } }
  }

  /// Moves the clock, and has the server look at it.
  func advance(by duration: Duration) {
    self.clock.advance(by: duration)
    self.server.deadlineReached(now: self.clock.now)
    self.exchange()
  }
}
