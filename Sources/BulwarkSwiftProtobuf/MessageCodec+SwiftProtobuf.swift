public import BulwarkCore
public import SwiftProtobuf
public import struct NIOCore.ByteBuffer

extension MessageCodec where Message: SwiftProtobuf.Message {
  /// The codec of a message that swift-protobuf's generator wrote, with the library's own options.
  @inlinable
  public static var swiftProtobuf: Self { .swiftProtobuf() }

  /// The codec of a message that swift-protobuf's generator wrote.
  ///
  /// What cannot be decoded or encoded is INTERNAL, as with messages of Bulwark's own; the message of the error names the
  /// message type, but no field, which the library does not tell.
  ///
  /// Decoding is bounded by the largest message that the call takes and by `BinaryDecodingOptions.messageDepthLimit`
  /// (100), and by nothing else: the budget of memory that `ProtobufDecodingLimits` has is not there. See
  /// <doc:KeepYourMessages>.
  ///
  /// - Parameters:
  ///   - extensions: the proto2 extensions that are decoded; others stay in the unknown fields.
  ///   - decoding: how deep messages may nest, and whether unknown fields are kept.
  ///   - encoding: whether the entries of maps are put in order.
  @inlinable
  public static func swiftProtobuf(
    extensions: (any ExtensionMap)? = nil,
    decoding: BinaryDecodingOptions = BinaryDecodingOptions(),
    encoding: BinaryEncodingOptions = BinaryEncodingOptions()
  ) -> Self {
    MessageCodec(
      keepsBuffer: false,
      encode: { (message, buffer) throws(RPCError) in
        do {
          let bytes: [UInt8] = try message.serializedBytes(options: encoding)
          buffer.writeBytes(bytes)
        } catch {
          throw SwiftProtobufFault.encoding(Message.protoMessageName, error)
        }
      },
      decode: { (buffer) throws(RPCError) in
        do {
          return try Message(
            serializedBytes: buffer.readableBytesSpan,
            extensions: extensions,
            options: decoding
          )
        } catch {
          throw SwiftProtobufFault.decoding(Message.protoMessageName, error)
        }
      }
    )
  }
}
