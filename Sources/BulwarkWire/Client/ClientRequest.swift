public import BulwarkCore
public import BulwarkHTTP2
public import struct NIOCore.ByteBuffer

/// A call as a connection needs it to send its headers.
public struct ClientRequest: Sendable {
  /// The method.
  public var method: MethodDescriptor
  /// The metadata to send.
  public var metadata: Metadata
  /// When the call runs out of time; the connection only tells the server, the holder of the call ends it.
  public var deadline: MonotonicInstant?
  /// The largest response message that is taken, in bytes.
  public var maxResponseBytes: Int
  /// What the requests may be compressed with: `grpc-encoding`.
  public var compression: CompressionAlgorithm

  /// Creates a request.
  public init(
    method: MethodDescriptor,
    metadata: Metadata = [:],
    deadline: MonotonicInstant? = nil,
    maxResponseBytes: Int = WireLimits().maxReceiveMessageBytes,
    compression: CompressionAlgorithm = .identity
  ) {
    self.method = method
    self.metadata = metadata
    self.deadline = deadline
    self.maxResponseBytes = maxResponseBytes
    self.compression = compression
  }
}

/// How a call ended without a response.
public struct ClientFailure: Error, Equatable, Sendable {
  /// What the caller is told.
  public var error: RPCError

  /// The server has certainly not acted on the call (REFUSED_STREAM, or a GOAWAY that excludes it), so that it
  /// may be sent again without a policy's leave (gRFC A6, "transparent retries").
  public var isUnprocessed: Bool

  /// Creates a failure.
  public init(error: RPCError, isUnprocessed: Bool) {
    self.error = error
    self.isUnprocessed = isUnprocessed
  }
}

/// What has become of the calls of a client connection. Outputs are taken after each input, in order.
public enum ClientOutput: Sendable {
  /// The connection can take calls: the server's SETTINGS have come.
  case ready
  /// A unary call was answered.
  case unaryAnswered(HTTP2StreamID, Response<ByteBuffer>)
  /// The initial metadata of a streaming call, and what its responses may be compressed with.
  case responseMetadata(HTTP2StreamID, Metadata, encoding: CompressionAlgorithm)
  /// Bytes of a streaming call's responses; `consumed` says when they were taken.
  case responseBytes(HTTP2StreamID, ByteBuffer)
  /// A streaming call ended with OK.
  case streamFinished(HTTP2StreamID, trailing: Metadata)
  /// A call of any kind failed.
  case failed(HTTP2StreamID, ClientFailure)
  /// A request stream that was backed up can be written again.
  case requestWritable(HTTP2StreamID)
  /// A stream has closed or the peer has changed its limit: more calls may fit.
  case capacityChanged
  /// The server ends the connection because of this side's PINGs: the next connection must send fewer.
  case tooManyPings
  /// The server takes no new calls here; those that run may finish.
  case goingAway(reason: String)
}
