import BulwarkHTTP2
import NIOCore

/// What an HTTP/2 session has seen of each stream, with its header fields decoded.
struct StreamLog {
  struct Block: Hashable {
    var fields: [String: [String]]
    var endStream: Bool

    subscript(name: String) -> String? { self.fields[name]?.first }
  }

  struct Stream: Hashable {
    var blocks: [Block] = []
    var body: [UInt8] = []
    var hasEnded = false
    var closed: HTTP2ErrorCode?

    /// The first block's field: of a response's headers, or of a trailers-only response.
    subscript(name: String) -> String? { self.blocks.first?[name] }
    var trailers: Block? { self.blocks.count > 1 ? self.blocks.last : nil }
    /// The status, wherever it stands.
    var grpcStatus: String? { self.blocks.last?["grpc-status"] }
    var grpcMessage: String? { self.blocks.last?["grpc-message"] }
  }

  var streams: [HTTP2StreamID: Stream] = [:]
  var goAways: [(lastStream: HTTP2StreamID, code: HTTP2ErrorCode)] = []

  /// Reads a session's events after it was given `bytes`, and gives all credit back.
  mutating func drain(_ session: HTTP2Session, _ bytes: ByteBuffer = ByteBuffer()) {
    while let event = session.nextEvent() {
      switch event {
      case .headers(let id, let range, kind: _, let endStream):
        var fields: [String: [String]] = [:]
        for index in range {
          let field = session.field(index)
          let name = String(decoding: session.fieldBytes[field.name], as: UTF8.self)
          fields[name, default: []].append(String(decoding: session.fieldBytes[field.value], as: UTF8.self))
        }
        self.streams[id, default: Stream()].blocks.append(Block(fields: fields, endStream: endStream))
        self.streams[id]?.hasEnded = endStream
      case .data(let id, let range, let endStream):
        self.streams[id, default: Stream()].body +=
          bytes.getBytes(at: range.lowerBound, length: range.count) ?? []
        self.streams[id]?.hasEnded = endStream
        session.consume(id, range.count)
      case .streamClosed(let id, let code, by: _):
        self.streams[id, default: Stream()].closed = code
      case .goAway(let last, let code, debug: _):
        self.goAways.append((last, code))
      case .settings, .requestRejected, .streamWritable, .pingAcknowledged, .pingReceived:
        break
      }
    }
  }
}
