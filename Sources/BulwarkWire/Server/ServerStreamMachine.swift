package import BulwarkCore
import struct NIOCore.ByteBuffer

/// One call on the server: what may come in, and what may still go out.
///
///     collecting ──message, END_STREAM──▶ running ──status──▶ answered
///         │                                 ▲  │                 ▲
///         └───────────── error ─────────────┼──┴── deadline ─────┤
///     streaming ──────── END_STREAM ────────┘                    │
///         └───────────── status, deadline ───────────────────────┘
///
/// A unary call starts in `collecting` and has no handler until its message is whole; every other kind starts in
/// `streaming`, with its handler. `answered` is final: whatever comes in later is dropped.
struct ServerStreamMachine {
  private enum State {
    case collecting
    case streaming
    case running
    case answered
  }

  enum OnData: Equatable {
    /// Nothing to do; the bytes are kept for the message, or dropped because the call was answered.
    case keep
    /// The unary request is whole, and compressed so: the handler can start.
    case start(ByteBuffer, encoding: CompressionAlgorithm = .identity)
    /// The bytes belong to the handler's stream.
    case forward
    /// The request is wrong; the call has no handler yet.
    case reject(RPCError)
  }

  private var state: State
  private(set) var hasSentHeaders = false
  /// Beside the state and not in it: taken out of an enumeration and put back, they would be copied for each call.
  private var deframer: MessageDeframer?
  private var message: ByteBuffer?
  /// How many bytes of a request that is not whole yet are held.
  private(set) var collectedBytes = 0

  init(isUnary: Bool, maxMessageBytes: Int, encoding: CompressionAlgorithm = .identity) {
    self.state = isUnary ? .collecting : .streaming
    self.deframer = isUnary ? MessageDeframer(limit: maxMessageBytes, encoding: encoding) : nil
  }

  /// Whether a unary request is still on its way.
  var isCollecting: Bool {
    if case .collecting = self.state { true } else { false }
  }

  /// Whether a handler holds the call.
  var hasHandler: Bool {
    switch self.state {
    case .streaming, .running: true
    case .collecting, .answered: false
    }
  }

  /// Whether the response has been given, whole or as an error.
  var isAnswered: Bool {
    if case .answered = self.state { true } else { false }
  }

  /// - Parameter buffers: what a large unary request is put together in.
  mutating func received(_ chunk: consuming ByteBuffer, endStream: Bool, _ buffers: MessageBuffers? = nil)
    -> OnData
  {
    switch self.state {
    case .collecting:
      let outcome = self.collect(chunk, endStream: endStream, buffers)
      if case .keep = outcome { return .keep }
      self.state = if case .start = outcome { .running } else { .answered }
      self.stopCollecting()
      return outcome
    case .streaming:
      self.state = endStream ? .running : .streaming
      return .forward
    case .running, .answered:
      return .keep
    }
  }

  private mutating func collect(
    _ chunk: consuming ByteBuffer,
    endStream: Bool,
    _ buffers: MessageBuffers?
  ) -> OnData {
    var chunk = chunk
    let count = chunk.readableBytes
    do throws(RPCError) {
      while let next = try self.deframer?.next(from: &chunk, buffers: buffers) {
        guard self.message == nil else {
          return .reject(.secondRequest)
        }
        self.message = next
      }
    } catch {
      return .reject(error)
    }
    guard endStream else {
      self.message = self.message?.detached()
      self.collectedBytes += count
      return .keep
    }
    guard let deframer = self.deframer, !deframer.isInsideMessage else {
      return .reject(RPCError(code: .internalError, message: "the request ended inside a message"))
    }
    guard let message = self.message.take() else {
      return .reject(.missingRequest)
    }
    return .start(message, encoding: deframer.latestEncoding)
  }

  private mutating func stopCollecting() {
    self.deframer = nil
    self.message = nil
    self.collectedBytes = 0
  }

  /// Whether the response's headers are to be sent now: true once.
  mutating func sendHeaders() -> Bool {
    guard !self.hasSentHeaders, !self.isAnswered else { return false }
    self.hasSentHeaders = true
    return true
  }

  /// Whether the call is to be answered now: true once.
  mutating func answer() -> Bool {
    guard !self.isAnswered else { return false }
    if self.isCollecting { self.stopCollecting() }
    self.state = .answered
    return true
  }
}

extension RPCError {
  package static let missingRequest = RPCError(
    code: .unimplemented,
    message: "a unary call needs one request message, none was sent"
  )

  package static let secondRequest = RPCError(
    code: .unimplemented,
    message: "a unary call takes one request message, more were sent"
  )
}
