import struct NIOCore.ByteBuffer

/// The request messages that the caller of a stream has written, kept for attempts to come (gRFC A6, "Retry buffer").
///
/// Nothing is kept unless an interceptor that makes attempts asks for it, and no more than it allows: from the message on
/// that does not fit, the call is committed to the attempt that it has.
struct KeptRequests {
  /// With what their writer has said of compression.
  private var messages: [(message: ByteBuffer, wish: Bool?)] = []
  private var bytes = 0
  private var limit = 0
  /// How many of them the running attempt has sent, while it catches up.
  private var replayed = 0
  /// Whether the running attempt still catches up with the caller, whose messages have to queue up behind.
  private(set) var isReplaying = false
  /// Whether all that was written is here.
  private(set) var isComplete = false

  /// Begins to keep messages, before any was written.
  mutating func keep(upTo limit: Int) {
    self.limit = limit
    self.isComplete = true
  }

  /// Keeps a message if it fits.
  ///
  /// - Parameters:
  ///   - wish: Whether it is to be compressed, if its writer has said.
  ///   - isNeeded: Whether there can be another attempt.
  mutating func keep(_ message: ByteBuffer, wish: Bool? = nil, isNeeded: Bool) -> Bool {
    let fits = message.readableBytes <= self.limit - self.bytes
    guard self.isComplete, fits, isNeeded || self.isReplaying else {
      self.isComplete = false
      if !self.isReplaying { self.messages = [] }
      return false
    }
    self.messages.append((message, wish))
    self.bytes += message.readableBytes
    return true
  }

  /// Another attempt begins.
  mutating func replay() {
    self.replayed = 0
    self.isReplaying = !self.messages.isEmpty
  }

  /// Gives up catching up.
  mutating func stopReplay() { self.isReplaying = false }

  /// The next message of a replay; nil at its end.
  ///
  /// - Parameter isNeededAgain: Whether there can be another attempt.
  mutating func next(isNeededAgain: Bool) -> (message: ByteBuffer, wish: Bool?)? {
    guard self.replayed < self.messages.count else {
      self.isReplaying = false
      if !isNeededAgain || !self.isComplete { self.messages = [] }
      return nil
    }
    self.replayed += 1
    return self.messages[self.replayed - 1]
  }
}
