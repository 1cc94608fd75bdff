package import BulwarkCore
import DequeModule
package import struct NIOCore.ByteBuffer

/// The receiving half of a stream: bytes in, messages out when the consumer asks for one.
///
/// Messages are cut out of the bytes only on demand, so what waits costs its bytes and not an object per
/// message, and flow control follows the consumer:
/// - while the consumer waits, all that came is credited to the peer, else a message larger than the window
///   would never be whole;
/// - while it does not, nothing is credited beyond what it took, and the window stops the peer.
///
/// So a stream holds at most one window and one message.
package struct StreamInbox {
  package enum OnNext: Equatable {
    /// A message, and what it is compressed with; the peer may send `credit` more bytes.
    case message(ByteBuffer, encoding: CompressionAlgorithm = .identity, credit: Int)
    /// No whole message is here; the peer may send `credit` more bytes.
    case wait(credit: Int)
    /// There are no more messages.
    case end
    /// The call has failed; or the bytes are not messages, and the stream must be reset.
    case fail(RPCError)
  }

  private enum End {
    // Errors stand elsewhere, since a stream that is open should hold no room for one.
    case open
    /// The peer has said all it will.
    case ended
    /// It has, and this is the status that follows the last message.
    indirect case endedWith(RPCError)
    indirect case failed(RPCError)
  }

  /// Up to which size pieces are joined by copying.
  private static let joinLimit = 16 * 1024

  private var deframer: MessageDeframer
  /// What came and was not cut into messages yet. Small pieces are joined, so that tiny frames cost no more.
  private var waiting = Deque<ByteBuffer>()
  private var end = End.open
  private var uncredited = 0

  /// Creates an inbox that refuses messages of more than `limit` bytes.
  package init(limit: Int, encoding: CompressionAlgorithm = .identity) {
    self.deframer = MessageDeframer(limit: limit, encoding: encoding)
  }

  /// What the stream's messages may be compressed with, which a client learns from the response's headers.
  package var encoding: CompressionAlgorithm {
    get { self.deframer.encoding }
    set { self.deframer.encoding = newValue }
  }

  /// Bytes have come.
  package mutating func received(_ bytes: ByteBuffer) {
    guard bytes.readableBytes > 0 else { return }
    if case .failed = self.end { return }
    self.uncredited += bytes.readableBytes
    if var last = self.waiting.popLast() {
      guard last.readableBytes + bytes.readableBytes <= Self.joinLimit else {
        self.waiting.append(last)
        self.waiting.append(bytes.detached())
        return
      }
      last.writeImmutableBuffer(bytes)
      self.waiting.append(last)
    } else {
      self.waiting.append(bytes.detached())
    }
  }

  /// The peer has ended its half, a client's call perhaps with an error; what is waiting can still be taken.
  package mutating func receivedEnd(_ error: RPCError?) {
    if case .open = self.end {
      self.end = error.map { .endedWith($0) } ?? .ended
    }
  }

  /// The call is over: nothing that waits is given out any more. The first failure stays.
  package mutating func fail(_ error: RPCError) {
    if case .failed = self.end { return }
    self.end = .failed(error)
    self.waiting = []
  }

  /// The consumer wants a message.
  package mutating func next() -> OnNext {
    if case .failed(let error) = self.end { return .fail(error) }
    var taken = 0
    do throws(RPCError) {
      while var chunk = self.waiting.popFirst() {
        let before = chunk.readableBytes
        let message = try self.deframer.next(from: &chunk)
        taken += before - chunk.readableBytes
        if chunk.readableBytes > 0 {
          self.waiting.prepend(chunk)
        }
        if let message {
          let encoding = self.deframer.latestEncoding
          return .message(message, encoding: encoding, credit: self.takeCredit(upTo: taken))
        }
      }
    } catch {
      self.fail(error)
      return .fail(error)
    }
    switch self.end {
    case .open: return .wait(credit: self.takeCredit(upTo: .max))
    case .endedWith(let error), .failed(let error): return .fail(error)
    case .ended: break
    }
    guard !self.deframer.isInsideMessage else {
      let error = RPCError(
        code: .internalError,
        message: "the stream ended inside a message",
        origin: .transport
      )
      self.fail(error)
      return .fail(error)
    }
    return .end
  }

  private mutating func takeCredit(upTo limit: Int) -> Int {
    let credit = min(self.uncredited, limit)
    self.uncredited -= credit
    return credit
  }
}
