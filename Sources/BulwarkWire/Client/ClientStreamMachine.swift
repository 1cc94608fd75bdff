package import BulwarkCore
import struct NIOCore.ByteBuffer

/// One call on the client: what has come of its response.
///
///     awaitingHeaders ──headers──▶ receiving ──trailers──▶ ended
///          │ trailers-only, reset       │ reset, bad bytes   ▲
///          └────────────────────────────┴────────────────────┘
///
/// `ended` is final and entered once, by whatever comes first; the rest of the response is dropped.
struct ClientStreamMachine {
  private enum State {
    case awaitingHeaders
    case receiving
    case ended
  }

  enum OnHeaders: Equatable {
    case keep
    /// The initial metadata of a streaming call, and what its responses may be compressed with.
    case metadata(Metadata, encoding: CompressionAlgorithm = .identity)
    /// The response is not gRPC: end the call and reset its stream.
    case fail(RPCError)
  }

  enum OnData: Equatable {
    case keep
    /// The bytes belong to the caller's stream of responses.
    case forward
    /// The response is wrong: end the call and reset its stream.
    case fail(RPCError)
  }

  enum OnEnd: Equatable {
    /// The call had ended before.
    case ignore
    /// The response, whose message is compressed still if it says so.
    case unary(Response<ByteBuffer>)
    case stream(trailing: Metadata)
    case fail(RPCError)
  }

  let isUnary: Bool
  private var state = State.awaitingHeaders
  /// The initial metadata of a unary call's response: beside the state, as the message is, and not copied with it.
  private var metadata = Metadata()
  private var deframer: MessageDeframer
  private var message: ByteBuffer?
  private var messageEncoding = CompressionAlgorithm.identity

  init(isUnary: Bool, maxMessageBytes: Int) {
    self.isUnary = isUnary
    self.deframer = MessageDeframer(limit: maxMessageBytes)
  }

  /// The largest response message that is taken, in bytes.
  var maxMessageBytes: Int { self.deframer.limit }

  var hasEnded: Bool {
    if case .ended = self.state { true } else { false }
  }

  mutating func receivedHeaders(_ headers: consuming ResponseHeaders) -> OnHeaders {
    guard case .awaitingHeaders = self.state else { return .keep }
    if let error = headers.headersError {
      self.state = .ended
      return .fail(error)
    }
    self.state = .receiving
    let encoding = headers.encoding
    self.deframer.encoding = encoding
    guard self.isUnary else { return .metadata(headers.takeMetadata(), encoding: encoding) }
    self.metadata = headers.takeMetadata()
    return .keep
  }

  mutating func received(_ chunk: ByteBuffer) -> OnData {
    guard case .receiving = self.state else { return .keep }
    guard self.isUnary else { return .forward }
    var chunk = chunk
    do throws(RPCError) {
      while let next = try self.deframer.next(from: &chunk) {
        guard self.message == nil else {
          throw .secondAnswer
        }
        self.message = next
        self.messageEncoding = self.deframer.latestEncoding
      }
      return .keep
    } catch {
      self.state = .ended
      return .fail(error)
    }
  }

  /// The server has ended its half with trailers, or with one block for all.
  mutating func receivedTrailers(_ trailers: consuming ResponseHeaders) -> OnEnd {
    switch self.state {
    case .ended:
      return .ignore
    case .awaitingHeaders:
      self.state = .ended
      if let error = trailers.trailersOnlyError { return .fail(error) }
    case .receiving:
      self.state = .ended
      if let error = trailers.trailersError { return .fail(error) }
    }
    return self.outcome(trailing: trailers.takeMetadata())
  }

  /// The server has ended its half without trailers.
  mutating func receivedEnd() -> OnEnd {
    self.end() ? .fail(.endedWithoutStatus) : .ignore
  }

  /// The call ends here, by cancellation or with the stream: true the first time.
  mutating func end() -> Bool {
    guard !self.hasEnded else { return false }
    self.state = .ended
    return true
  }

  private mutating func outcome(trailing: consuming Metadata) -> OnEnd {
    guard self.isUnary else { return .stream(trailing: trailing) }
    guard !self.deframer.isInsideMessage else { return .fail(.cutOffAnswer) }
    guard let message = self.message.take() else { return .fail(.missingAnswer) }
    let metadata = self.metadata
    self.metadata = Metadata()
    return .unary(
      Response(
        message: message,
        metadata: metadata,
        trailingMetadata: trailing,
        compression: self.messageEncoding
      )
    )
  }
}

extension RPCError {
  static let endedWithoutStatus = RPCError(
    code: .unknown,
    message: "the server ended the call without a status",
    origin: .transport
  )

  static let cutOffAnswer = RPCError(
    code: .internalError,
    message: "the response ended inside a message",
    origin: .transport
  )

  package static let missingAnswer = RPCError(
    code: .unimplemented,
    message: "the server answered a unary call with OK and no message",
    origin: .transport
  )

  package static let secondAnswer = RPCError(
    code: .unimplemented,
    message: "a unary call has one response message, the server sent more",
    origin: .transport
  )
}
