package import struct NIOCore.ByteBuffer

/// Where the caller of a streaming method writes its requests. One task may write at a time.
public struct RequestWriter<Message: Sendable>: Sendable {
  private let stream: any ClientStream
  private let codec: MessageCodec<Message>

  init(_ stream: any ClientStream, _ codec: MessageCodec<Message>) {
    self.stream = stream
    self.codec = codec
  }

  /// Sends a message; suspends while the server does not read.
  ///
  /// - Throws: ``RPCError`` if the call has ended.
  public func write(_ message: Message) async throws(RPCError) {
    try await self.stream.write(self.codec.encoded(message))
  }

  /// Sends a message compressed or as it is, whatever its size.
  ///
  /// What it is compressed with is the same for all messages of a call: ``CallOptions/compression``, or the client's
  /// default. If that is nothing, so is this choice.
  public func write(_ message: Message, compressed: Bool) async throws(RPCError) {
    try await self.stream.write(self.codec.encoded(message), compressed: compressed)
  }

  /// Sends each message of a sequence in order.
  public func write(contentsOf messages: some Sequence<Message>) async throws(RPCError) {
    for message in messages {
      try await self.write(message)
    }
  }

  /// Ends the sending half of the call: the server sees the end of its requests.
  public func finish() {
    self.stream.finishRequests()
  }
}

/// The responses of a streaming call: an asynchronous sequence with one consumer.
///
/// The sequence ends when the server's status is OK and throws ``RPCError`` otherwise. Letting the stream go
/// before its end, or leaving a loop over it, cancels the call.
public struct ResponseStream<Message: Sendable>: AsyncSequence, Sendable {
  public typealias Element = Message
  public typealias Failure = RPCError

  private let call: ResponseStreamCall
  private let codec: MessageCodec<Message>

  init(_ stream: any ClientStream, _ codec: MessageCodec<Message>) {
    self.call = ResponseStreamCall(stream)
    self.codec = codec
  }

  /// The metadata that precedes the first response; suspends until the server has sent it.
  public var initialMetadata: Metadata {
    get async throws(RPCError) {
      return try await self.call.stream.initialMetadata()
    }
  }

  /// The metadata that came with the status: empty until the sequence has ended.
  public var trailingMetadata: Metadata { self.call.stream.trailingMetadata }

  /// What the latest response was compressed with on its way.
  public var latestCompression: CompressionAlgorithm { self.call.stream.latestCompression }

  public func makeAsyncIterator() -> Iterator {
    Iterator(call: self.call, decode: self.codec.decode)
  }

  /// Decodes each message when it is asked for.
  public struct Iterator: AsyncIteratorProtocol {
    fileprivate let call: ResponseStreamCall
    fileprivate let decode: @Sendable (ByteBuffer) throws(RPCError) -> Message

    public mutating func next(isolation actor: isolated (any Actor)?) async throws(RPCError) -> Message? {
      try await self.next()
    }

    public mutating func next() async throws(RPCError) -> Message? {
      guard let bytes = try await self.call.stream.next() else { return nil }
      return try self.decode(bytes)
    }
  }
}

/// The call behind a ``ResponseStream``: cancelled when the last copy of the stream and its iterators is gone.
private final class ResponseStreamCall: Sendable {
  let stream: any ClientStream

  init(_ stream: any ClientStream) {
    self.stream = stream
  }

  deinit {
    self.stream.cancel()
  }
}

/// A call that failed before it could start.
package final class FailedClientStream: ClientStream {
  private let error: RPCError

  package init(error: RPCError) {
    self.error = error
  }

  package func next() async throws(RPCError) -> ByteBuffer? { throw self.error }
  package func write(_ message: ByteBuffer) async throws(RPCError) { throw self.error }
  package func initialMetadata() async throws(RPCError) -> Metadata { throw self.error }
  package func finishRequests() {}
  package func onEnd(_ body: @escaping @Sendable (RPCError?) -> Void) { body(self.error) }
  package func cancel() {}
  package var trailingMetadata: Metadata { [:] }
  package var hasEnded: Bool { true }
}
