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
    case collecting(MessageDeframer, message: ByteBuffer?, bytes: Int)
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

  init(isUnary: Bool, maxMessageBytes: Int, encoding: CompressionAlgorithm = .identity) {
    self.state =
      isUnary
      ? .collecting(MessageDeframer(limit: maxMessageBytes, encoding: encoding), message: nil, bytes: 0)
      : .streaming
  }

  /// How many bytes of a request that is not whole yet are held.
  var collectedBytes: Int {
    if case .collecting(_, _, let bytes) = self.state { bytes } else { 0 }
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

  mutating func received(_ chunk: ByteBuffer, endStream: Bool) -> OnData {
    switch self.state {
    case .collecting(var deframer, var message, let bytes):
      var chunk = chunk
      let total = bytes + chunk.readableBytes
      self.state = .answered
      do throws(RPCError) {
        while let next = try deframer.next(from: &chunk) {
          guard message == nil else {
            return .reject(.secondRequest)
          }
          message = next
        }
      } catch {
        return .reject(error)
      }
      guard endStream else {
        self.state = .collecting(deframer, message: message?.detached(), bytes: total)
        return .keep
      }
      guard !deframer.isInsideMessage else {
        return .reject(RPCError(code: .internalError, message: "the request ended inside a message"))
      }
      guard let message else {
        return .reject(.missingRequest)
      }
      self.state = .running
      return .start(message, encoding: deframer.latestEncoding)
    case .streaming:
      self.state = endStream ? .running : .streaming
      return .forward
    case .running, .answered:
      return .keep
    }
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
