import BulwarkCore
import BulwarkWire
import NIOCore

/// A message on its way to the loop.
struct OutboundMessage {
  let bytes: ByteBuffer
  /// Whether it is compressed, with what the call has agreed on.
  let isCompressed: Bool
}

/// Where the sending half of a stream learns how to compress.
enum OutboundCompression: Sendable {
  /// Not at all.
  case none
  /// A client's: said when the call begins.
  case fixed(MessageCompression)
  /// A server's: the handler may choose until the first message.
  case negotiated(ResponseCompression, CallContext)

  func applied(to message: ByteBuffer, wish: Bool?) -> OutboundMessage {
    let compression: MessageCompression
    switch self {
    case .none: return OutboundMessage(bytes: message, isCompressed: false)
    case .fixed(let fixed): compression = fixed
    case .negotiated(let responses, let context): compression = responses.settled(by: context)
    }
    let compressed = compression.compressed(message, wish: wish)
    return OutboundMessage(bytes: compressed ?? message, isCompressed: compressed != nil)
  }
}
