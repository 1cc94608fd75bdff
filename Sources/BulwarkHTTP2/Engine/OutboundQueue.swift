import DequeModule
import struct NIOCore.ByteBuffer

/// The payloads that one stream still has to send, in order.
struct OutboundQueue {
  private struct Chunk {
    var prefix: HTTP2Prefix
    var payload: ByteBuffer

    var count: Int { Int(self.prefix.count) + self.payload.readableBytes }
  }

  private var chunks = Deque<Chunk>()
  private(set) var count = 0

  mutating func append(prefix: HTTP2Prefix, payload: ByteBuffer) {
    let chunk = Chunk(prefix: prefix, payload: payload)
    guard chunk.count > 0 else { return }
    self.chunks.append(chunk)
    self.count += chunk.count
  }

  /// Moves the first `length` bytes, or all if there are fewer, to the end of `buffer`.
  mutating func move(_ length: Int, into buffer: inout ByteBuffer) {
    var remaining = length
    while remaining > 0, !self.chunks.isEmpty {
      remaining -= self.moveFromFirst(upTo: remaining, into: &buffer)
      if self.chunks[0].count == 0 {
        self.chunks.removeFirst()
      }
    }
    self.count -= length - remaining
  }

  private mutating func moveFromFirst(upTo limit: Int, into buffer: inout ByteBuffer) -> Int {
    let prefixMoved = self.chunks[0].prefix.move(upTo: limit, into: &buffer)
    let payloadMoved = min(limit - prefixMoved, self.chunks[0].payload.readableBytes)
    if payloadMoved > 0 {
      self.chunks[0].payload.readWithUnsafeReadableBytes { bytes in
        buffer.writeBytes(UnsafeRawBufferPointer(rebasing: bytes[..<payloadMoved]))
      }
    }
    return prefixMoved + payloadMoved
  }

  mutating func removeAll() {
    self.chunks.removeAll(keepingCapacity: true)
    self.count = 0
  }
}
