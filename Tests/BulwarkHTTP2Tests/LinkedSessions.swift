import BulwarkHTTP2
import NIOCore
import Testing

/// A client and a server joined by two queues of bytes, in virtual time.
final class LinkedSessions {
  let client: HTTP2ClientSession
  let server: HTTP2ServerSession
  let clientSees = SessionObserver()
  let serverSees = SessionObserver()
  var now: Int64 = 0
  /// The size of the pieces in which bytes arrive.
  var chunk = Int.max
  /// The index at which the next piece begins in its buffer, to show that indices are absolute.
  var leading = 3

  init(
    client clientLimits: HTTP2Limits = HTTP2Limits(),
    server serverLimits: HTTP2Limits = HTTP2Limits(),
    chunk: Int = .max
  ) {
    self.client = HTTP2ClientSession(limits: clientLimits, now: 0)
    self.server = HTTP2ServerSession(limits: serverLimits, now: 0)
    self.chunk = chunk
  }

  /// Moves bytes in both directions until neither side has any. `react` runs after each turn and says whether it
  /// did something.
  func run(_ react: () -> Bool = { false }) {
    for _ in 0..<100_000 {
      let up = self.move(from: self.client, self.clientSees, to: self.server, self.serverSees)
      let down = self.move(from: self.server, self.serverSees, to: self.client, self.clientSees)
      let reacted = react()
      if up == 0 && down == 0 && !reacted { return }
    }
    Issue.record("the sessions never come to rest")
  }

  private func move(
    from sender: HTTP2Session,
    _ senderSees: SessionObserver,
    to receiver: HTTP2Session,
    _ receiverSees: SessionObserver
  ) -> Int {
    var bytes = ByteBuffer()
    _ = sender.takeOutbound(into: &bytes, limit: 65_536)
    senderSees.drain(sender)
    let moved = bytes.readableBytes
    while bytes.readableBytes > 0 {
      let count = min(self.chunk, bytes.readableBytes)
      var piece = ByteBuffer(repeating: 0xee, count: self.leading)
      piece.writeBytes(bytes.readBytes(length: count) ?? [])
      piece.moveReaderIndex(forwardBy: self.leading)
      receiver.receive(piece, now: self.now)
      receiverSees.drain(receiver, piece)
    }
    return moved
  }
}

/// Header lists that tests send.
enum Sample {
  static func request(path: String = "/service/method") -> HTTP2FieldList {
    var fields = HTTP2FieldList()
    fields.add(name: ":method", value: "POST")
    fields.add(name: ":scheme", value: "http")
    fields.add(name: ":path", value: path)
    fields.add(name: ":authority", value: "server")
    fields.add(name: "content-type", value: "application/grpc")
    fields.add(name: "authorization", value: "secret", neverIndex: true)
    return fields
  }

  static func list(_ fields: (String, String)...) -> HTTP2FieldList {
    var list = HTTP2FieldList()
    for (name, value) in fields {
      list.add(name: name, value: value)
    }
    return list
  }

  static let response = list((":status", "200"), ("content-type", "application/grpc"))
  static let trailers = list(("grpc-status", "0"))

  /// Bytes that show where they belong.
  static func body(_ count: Int) -> [UInt8] {
    (0..<count).map { UInt8(truncatingIfNeeded: $0 &* 31 &+ $0 >> 8) }
  }
}
