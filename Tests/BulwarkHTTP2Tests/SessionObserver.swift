import BulwarkHTTP2
import NIOCore

/// Reads a session's events as an application would, and keeps what it saw of each stream.
final class SessionObserver {
  struct Closed: Hashable {
    var code: HTTP2ErrorCode
    var by: HTTP2Closer
  }

  struct Block: Hashable {
    var kind: HTTP2HeadersKind
    var fields: [String]
    var endStream: Bool
  }

  struct Stream {
    var blocks: [Block] = []
    var body: [UInt8] = []
    var hasEnded = false
    var rejections: [HTTP2RequestRejection] = []
    var closed: [Closed] = []
    var writable = 0
  }

  var streams: [HTTP2StreamID: Stream] = [:]
  /// Streams in the order in which they were first heard of.
  var order: [HTTP2StreamID] = []
  var pings: [UInt64] = []
  var receivedPings = 0
  var goAways: [HTTP2Event] = []
  var settings = 0
  /// Events for a stream after its end.
  var late = 0
  /// Whether received payload is given back at once.
  var consumes = true

  /// Drains a session after it was given `bytes`, or after it has sent something.
  func drain(_ session: HTTP2Session, _ bytes: ByteBuffer = ByteBuffer()) {
    while let event = session.nextEvent() {
      switch event {
      case .settings: self.settings += 1
      case .pingAcknowledged(let opaque): self.pings.append(opaque)
      case .pingReceived: self.receivedPings += 1
      case .goAway: self.goAways.append(event)
      case .headers(let id, let fields, let kind, let endStream):
        let text = fields.map { Self.text(session.field($0), session.fieldBytes) }
        self.update(id) {
          $0.blocks.append(Block(kind: kind, fields: text, endStream: endStream))
          $0.hasEnded = $0.hasEnded || endStream
        }
      case .data(let id, let range, let endStream):
        self.update(id) {
          $0.body += bytes.getBytes(at: range.lowerBound, length: range.count) ?? []
          $0.hasEnded = $0.hasEnded || endStream
        }
        if self.consumes {
          session.consume(id, range.count)
        }
      case .requestRejected(let id, let rejection): self.update(id) { $0.rejections.append(rejection) }
      case .streamWritable(let id): self.update(id) { $0.writable += 1 }
      case .streamClosed(let id, let code, let closer):
        self.update(id) { $0.closed.append(Closed(code: code, by: closer)) }
      }
    }
  }

  private func update(_ id: HTTP2StreamID, _ change: (inout Stream) -> Void) {
    if self.streams[id] == nil { self.order.append(id) }
    if self.streams[id]?.closed.isEmpty == false { self.late += 1 }
    change(&self.streams[id, default: Stream()])
  }

  private static func text(_ field: HTTP2Field, _ bytes: ArraySlice<UInt8>) -> String {
    String(decoding: bytes[field.name], as: UTF8.self) + ": "
      + String(decoding: bytes[field.value], as: UTF8.self)
  }
}
