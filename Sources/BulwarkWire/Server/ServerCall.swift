public import BulwarkCore
public import BulwarkHTTP2
public import struct NIOCore.ByteBuffer

/// A call that a server connection has accepted.
public struct ServerCall: Sendable {
  /// The call's stream: unique on its connection, and never used again.
  public let id: HTTP2StreamID

  /// The method that was called.
  public let entry: MethodEntry

  /// What the handler is told.
  public let context: CallContext

  /// What its requests may be compressed with.
  package let requestEncoding: CompressionAlgorithm

  /// Whether its task begins with ``ServerConnection/takeWaits(of:)``.
  public let mustWait: Bool

  /// Whether its handler is done with the request by the time that the next bytes are received.
  var mayBorrowRequest: Bool { !self.mustWait && self.entry.takesBorrowedRequests }
}

/// What a server connection wants done. Outputs are taken after each input, in order.
public enum ServerOutput: Sendable {
  /// Start the handler of a unary call; answer with `respond` or `fail`, then `handlerReturned`.
  case startUnary(ServerCall, message: ByteBuffer)
  /// Start the handler of a streaming call; its requests follow.
  case startStream(ServerCall)
  /// Bytes of a streaming call's requests; `consumed` says when they were taken.
  case requestBytes(HTTP2StreamID, ByteBuffer)
  /// The client has ended its half of a streaming call.
  case requestsEnded(HTTP2StreamID)
  /// A response that was backed up can be written again.
  case responseWritable(HTTP2StreamID)
  /// The call is over while its handler runs (deadline, reset, lost connection): cancel the handler.
  case cancel(HTTP2StreamID, RPCError)
}
