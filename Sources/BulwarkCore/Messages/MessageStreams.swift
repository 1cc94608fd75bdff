public import struct NIOCore.ByteBuffer

/// The receiving half of a call below the codec: whole messages, in order.
///
/// A source has one consumer. Asking for the next message is what opens the peer's flow-control window, so a
/// consumer that stops asking stops the peer.
public protocol MessageSource: AnyObject, Sendable {
  /// The next message, or nil when the peer has ended its half.
  ///
  /// - Throws: the call's error if it failed; `.cancelled` if the calling task is cancelled;
  ///   `.failedPrecondition` if another task is waiting already.
  func next() async throws(RPCError) -> ByteBuffer?

  /// What the message that `next` gave last was compressed with on its way. Default: nothing.
  var latestCompression: CompressionAlgorithm { get }
}

extension MessageSource {
  public var latestCompression: CompressionAlgorithm { .identity }
}

/// The sending half of a call below the codec.
public protocol MessageSink: AnyObject, Sendable {
  /// Sends a message, and suspends while the peer takes no more (flow control).
  ///
  /// - Throws: the call's error if it has ended; `.cancelled` if the calling task is cancelled;
  ///   `.failedPrecondition` if another task is waiting already, or after the half was finished.
  func write(_ message: ByteBuffer) async throws(RPCError)

  /// The same, and the message is compressed or not, if the call has an algorithm. Default: the sink compresses nothing.
  func write(_ message: ByteBuffer, compressed: Bool) async throws(RPCError)
}

extension MessageSink {
  public func write(_ message: ByteBuffer, compressed: Bool) async throws(RPCError) {
    try await self.write(message)
  }

  /// Writes with a wish, or without one.
  func write(_ message: ByteBuffer, wish: Bool?) async throws(RPCError) {
    if let wish {
      try await self.write(message, compressed: wish)
    } else {
      try await self.write(message)
    }
  }
}

/// The requests of a streaming call, on the server: an asynchronous sequence with one consumer.
///
/// It ends when the client has sent its last message and throws ``RPCError`` if the call ends before that.
public struct RequestStream<Message: Sendable>: AsyncSequence, Sendable {
  public typealias Element = Message
  public typealias Failure = RPCError

  private let source: any MessageSource
  private let decode: @Sendable (ByteBuffer) throws(RPCError) -> Message

  @usableFromInline
  init(_ source: any MessageSource, _ codec: MessageCodec<Message>) {
    self.source = source
    self.decode = codec.decode
  }

  /// What the latest request was compressed with on its way.
  public var latestCompression: CompressionAlgorithm { self.source.latestCompression }

  public func makeAsyncIterator() -> Iterator {
    Iterator(source: self.source, decode: self.decode)
  }

  /// Decodes each message when it is asked for.
  public struct Iterator: AsyncIteratorProtocol {
    fileprivate let source: any MessageSource
    fileprivate let decode: @Sendable (ByteBuffer) throws(RPCError) -> Message

    public mutating func next(isolation actor: isolated (any Actor)?) async throws(RPCError) -> Message? {
      guard let bytes = try await self.source.next() else { return nil }
      return try self.decode(bytes)
    }

    public mutating func next() async throws(RPCError) -> Message? {
      guard let bytes = try await self.source.next() else { return nil }
      return try self.decode(bytes)
    }
  }
}

/// Where a server handler writes the responses of a streaming call. One task may write at a time.
public struct ResponseWriter<Message: Sendable>: Sendable {
  private let sink: any MessageSink
  private let codec: MessageCodec<Message>

  @usableFromInline
  init(_ sink: any MessageSink, _ codec: MessageCodec<Message>) {
    self.sink = sink
    self.codec = codec
  }

  /// Sends a message; suspends while the client does not read. The call ends when the handler returns.
  ///
  /// - Throws: ``RPCError`` if the call has ended: the client went away, or the deadline passed.
  public func write(_ message: Message) async throws(RPCError) {
    try await self.sink.write(self.codec.encoded(message))
  }

  /// Sends a message compressed or as it is, whatever its size.
  ///
  /// What it is compressed with is the same for all messages of a call: ``CallContext/responseCompression``. If that is
  /// nothing, so is this choice.
  public func write(_ message: Message, compressed: Bool) async throws(RPCError) {
    try await self.sink.write(self.codec.encoded(message), compressed: compressed)
  }

  /// Sends each message of a sequence in order.
  public func write(contentsOf messages: some Sequence<Message>) async throws(RPCError) {
    for message in messages {
      try await self.write(message)
    }
  }
}
