import BulwarkCore
import BulwarkHTTP2

/// The five bytes before a message that is sent.
enum MessagePrefix {
  static func make(length: Int, isCompressed: Bool = false, limit: Int) throws(RPCError) -> HTTP2Prefix {
    guard length <= limit, let length = UInt32(exactly: length) else {
      throw RPCError(
        code: .resourceExhausted,
        message: "a message of \(length) bytes is larger than the limit of \(limit) bytes for sending"
      )
    }
    return HTTP2Prefix(flag: isCompressed ? 1 : 0, length: length)
  }
}
