import DequeModule
import struct NIOCore.ByteBuffer

/// The payloads that one stream still has to send, in order.
struct OutboundQueue {
  private struct Chunk {
    var prefix: HTTP2Prefix
    var payload: ByteBuffer

    var count: Int { Int(self.prefix.count) + self.payload.readableBytes }

    mutating func move(upTo limit: Int, into buffer: inout ByteBuffer) -> Int {
      let prefixMoved = self.prefix.move(upTo: limit, into: &buffer)
      let payloadMoved = min(limit - prefixMoved, self.payload.readableBytes)
      if payloadMoved > 0 {
        self.payload.readWithUnsafeReadableBytes { bytes in
          buffer.writeBytes(UnsafeRawBufferPointer(rebasing: bytes[..<payloadMoved]))
        }
      }
      return prefixMoved + payloadMoved
    }
  }

  /// The first chunk stands outside of the deque: most streams never have a second, and need no storage for it.
  private var first: Chunk?
  private var rest = Deque<Chunk>()
  private(set) var count = 0

  mutating func append(prefix: HTTP2Prefix, payload: ByteBuffer) {
    let chunk = Chunk(prefix: prefix, payload: payload)
    guard chunk.count > 0 else { return }
    if self.first == nil {
      self.first = chunk
    } else {
      self.rest.append(chunk)
    }
    self.count += chunk.count
  }

  /// Moves the first `length` bytes, or all if there are fewer, to the end of `buffer`.
  mutating func move(_ length: Int, into buffer: inout ByteBuffer) {
    var remaining = length
    while remaining > 0, let moved = self.first?.move(upTo: remaining, into: &buffer) {
      remaining -= moved
      if self.first?.count == 0 {
        self.first = self.rest.popFirst()
      }
    }
    self.count -= length - remaining
  }

  mutating func removeAll() {
    self.first = nil
    self.rest.removeAll()
    self.count = 0
  }
}
