import DequeModule
import struct NIOCore.ByteBuffer

/// The payloads that one stream still has to send, in order.
struct OutboundQueue {
  private struct Chunk {
    var prefix: HTTP2Prefix
    var payload: ByteBuffer

    var count: Int { Int(self.prefix.count) + self.payload.readableBytes }

    mutating func move(into free: UnsafeMutableRawBufferPointer) -> Int {
      let prefixMoved = self.prefix.move(into: free)
      let payloadMoved = min(free.count - prefixMoved, self.payload.readableBytes)
      if payloadMoved > 0 {
        self.payload.readWithUnsafeReadableBytes { bytes in
          UnsafeMutableRawBufferPointer(rebasing: free[prefixMoved...])
            .copyMemory(from: UnsafeRawBufferPointer(rebasing: bytes[..<payloadMoved]))
          return payloadMoved
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

  /// Moves its first bytes to `free`, as many as there are and there is room for.
  ///
  /// - Returns: how many.
  mutating func move(into free: UnsafeMutableRawBufferPointer) -> Int {
    var total = 0
    while total < free.count,
      let moved = self.first?.move(into: UnsafeMutableRawBufferPointer(rebasing: free[total...]))
    {
      total += moved
      if self.first?.count == 0 {
        self.first = self.rest.popFirst()
      }
    }
    self.count -= total
    return total
  }

  mutating func removeAll() {
    self.first = nil
    self.rest.removeAll()
    self.count = 0
  }
}
