public import struct NIOCore.ByteBuffer

/// How one message type becomes bytes and is made from bytes.
///
/// Generics stop here: below the codec a message is a `ByteBuffer`. Both functions are pure and may run on any
/// thread at any time.
public struct MessageCodec<Message: Sendable>: Sendable {
  /// Appends the message's bytes to the buffer, without the length prefix.
  public let encode: @Sendable (Message, inout ByteBuffer) throws(RPCError) -> Void

  /// Makes a message from all readable bytes of the buffer.
  public let decode: @Sendable (ByteBuffer) throws(RPCError) -> Message

  /// Whether a decoded message may hold on to the buffer that it was made from. Where it never does, a request is
  /// decoded where it was received, without a copy of its bytes before that.
  public let keepsBuffer: Bool

  /// Creates a codec from its two functions. Each says in its error what it could not encode or decode.
  ///
  /// - Parameter keepsBuffer: false if `decode` copies all that it needs of its buffer. If that is not so, a small message
  ///   that is kept keeps the memory of a large one, with what came before and after it on its connection.
  public init(
    keepsBuffer: Bool = true,
    encode: @escaping @Sendable (Message, inout ByteBuffer) throws(RPCError) -> Void,
    decode: @escaping @Sendable (ByteBuffer) throws(RPCError) -> Message
  ) {
    self.keepsBuffer = keepsBuffer
    self.encode = encode
    self.decode = decode
  }

  @inlinable
  func encoded(_ message: Message) throws(RPCError) -> ByteBuffer {
    var buffer = ByteBuffer()
    try self.encode(message, &buffer)
    return buffer
  }
}

extension MessageCodec where Message == ByteBuffer {
  /// The message is its bytes: for proxies, load generators and services with a codec of their own.
  public static var bytes: MessageCodec<ByteBuffer> {
    MessageCodec(
      encode: { (message, buffer) throws(RPCError) in
        buffer.writeImmutableBuffer(message)
      },
      decode: { (buffer) throws(RPCError) in buffer }
    )
  }
}

/// A method with its message types: what generated code declares once per method.
public struct RPCMethod<Request: Sendable, Response: Sendable>: Sendable {
  /// The method's name and kind.
  public let descriptor: MethodDescriptor

  /// The codec of the requests.
  public let request: MessageCodec<Request>

  /// The codec of the responses.
  public let response: MessageCodec<Response>

  /// Joins a name and two codecs.
  public init(
    _ descriptor: MethodDescriptor,
    request: MessageCodec<Request>,
    response: MessageCodec<Response>
  ) {
    self.descriptor = descriptor
    self.request = request
    self.response = response
  }
}
