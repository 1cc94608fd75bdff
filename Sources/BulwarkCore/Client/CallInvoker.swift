public import struct NIOCore.ByteBuffer

/// How one call is made: everything that may differ from call to call.
public struct CallOptions: Sendable {
  /// How long the call may take, from now to its last byte; nil sets no limit of its own.
  ///
  /// Inside a handler the handler's own deadline holds as well, whichever is earlier. Zero or less fails at once.
  public var timeout: Duration?

  /// A point in time after which the call is over, for those who hold one already; the earliest limit counts.
  public var deadline: MonotonicInstant?

  /// The metadata to send.
  public var metadata: Metadata

  /// Whether the call waits for a connection (true) or fails at once with UNAVAILABLE while there is none and
  /// the last attempt to connect has failed (false, the default; https://grpc.io/docs/guides/wait-for-ready/).
  public var waitForReady: Bool

  /// The largest response message that is taken, in bytes; nil leaves the client's own limit (4 MiB).
  public var maxResponseBytes: Int?

  /// What the requests are compressed with, however small they are; nil leaves it to the client's configuration. A server
  /// that does not read it answers with UNIMPLEMENTED.
  public var compression: CompressionAlgorithm?

  /// Where attempts share what they compress; nil where a call is one attempt, or compresses nothing.
  package var keptCompression: KeptCompression?

  /// Creates options; each default is the mildest choice.
  public init(
    timeout: Duration? = nil,
    metadata: Metadata = [:],
    waitForReady: Bool = false,
    maxResponseBytes: Int? = nil,
    compression: CompressionAlgorithm? = nil
  ) {
    self.timeout = timeout
    self.deadline = nil
    self.metadata = metadata
    self.waitForReady = waitForReady
    self.maxResponseBytes = maxResponseBytes
    self.compression = compression
    self.keptCompression = nil
  }
}

/// One response message with the metadata around it.
public struct Response<Message: Sendable>: Sendable {
  /// The message.
  public var message: Message

  /// The metadata that came before the message.
  public var metadata: Metadata

  /// The metadata that came with the status.
  public var trailingMetadata: Metadata

  /// What the message was compressed with on its way; by now it is not any more.
  public var compression: CompressionAlgorithm

  /// Joins a message and its metadata.
  public init(
    message: Message,
    metadata: Metadata = [:],
    trailingMetadata: Metadata = [:],
    compression: CompressionAlgorithm = .identity
  ) {
    self.message = message
    self.metadata = metadata
    self.trailingMetadata = trailingMetadata
    self.compression = compression
  }
}

extension Response: Equatable where Message: Equatable {}

/// A streaming call on the client, below the codec.
///
/// It ends exactly once: with the peer's status, an error, or ``cancel()``.
public protocol ClientStream: MessageSource, MessageSink {
  /// Ends the sending half; the response may go on. Without effect the second time.
  func finishRequests()

  /// The metadata that precedes the first response; suspends until it is there.
  func initialMetadata() async throws(RPCError) -> Metadata

  /// The metadata that came with the status: empty until the call has ended.
  var trailingMetadata: Metadata { get }

  /// Whether the call has ended, in whatever way; reading says how.
  var hasEnded: Bool { get }

  /// Has the function called once, when the call has ended, with its error or nil for OK; at once if it has already.
  ///
  /// The end is that of the call, not of its reader: messages that came before a status may still be unread. A call
  /// has one such function. It may run on any thread and must not wait.
  func onEnd(_ body: @escaping @Sendable (RPCError?) -> Void)

  /// Ends the call now, and tells the peer. Without effect after the end.
  func cancel()
}

/// Something that calls can be made on: a client, or a layer around one.
///
/// Generated clients are thin shells over it; the generic functions in this module encode above it and decode
/// below it, so that whatever stands between sees bytes, method, metadata and deadline alone.
public protocol CallInvoker: Sendable {
  /// Makes a unary call.
  ///
  /// Cancelling the calling task ends the call with CANCELLED and tells the peer.
  func unary(
    _ method: MethodDescriptor,
    _ message: ByteBuffer,
    _ options: CallOptions
  ) async throws(RPCError) -> Response<ByteBuffer>

  /// Starts a call of any other kind. Failures to start are reported by the stream.
  ///
  /// - Parameter onlyRequest: the one request of a server-streaming call, which is sent with the headers and
  ///   ends the sending half; nil leaves that half open.
  func stream(
    _ method: MethodDescriptor,
    _ options: CallOptions,
    onlyRequest: ByteBuffer?
  ) -> any ClientStream
}
