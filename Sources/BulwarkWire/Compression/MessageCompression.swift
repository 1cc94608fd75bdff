package import BulwarkCore
import BulwarkCompression
package import struct NIOCore.ByteBuffer

/// How the messages of one side of a call are compressed.
package struct MessageCompression: Hashable, Sendable {
  /// What the call's `grpc-encoding` says.
  package let algorithm: CompressionAlgorithm

  /// Which messages are worth it; nil if the call has asked for compression, and is given it.
  private let minimumBytes: Int?

  /// Longer messages are not sent, so no time is spent on them.
  private let maxMessageBytes: Int

  fileprivate init(_ algorithm: CompressionAlgorithm, minimumBytes: Int?, maxMessageBytes: Int) {
    self.algorithm = algorithm
    self.minimumBytes = minimumBytes
    self.maxMessageBytes = maxMessageBytes
  }

  /// That of a client's requests.
  ///
  /// - Parameter choice: what the call asks for, if it does.
  package init(requests choice: CompressionAlgorithm?, _ options: CompressionOptions, _ limits: WireLimits) {
    self.init(
      choice ?? options.algorithm,
      minimumBytes: choice == nil ? options.minimumBytes : nil,
      maxMessageBytes: limits.maxSendMessageBytes
    )
  }

  /// The compressed message; nil if it is to be sent as it is. Safe from any thread.
  ///
  /// - Parameter wish: whether the writer wants it compressed, if it has said.
  package func compressed(_ message: ByteBuffer, wish: Bool? = nil) -> ByteBuffer? {
    guard let format = self.algorithm.format, wish != false else { return nil }
    let size = message.readableBytes
    guard size <= self.maxMessageBytes else { return nil }
    if wish == nil, let minimumBytes = self.minimumBytes {
      guard size >= minimumBytes, size > 0 else { return nil }
      return format.deflate(message, limit: size - 1)
    }
    return format.deflate(message)
  }
}

/// How a server compresses its responses. The same for all calls of a connection, and read from any thread.
package struct ResponseCompression: Hashable, Sendable {
  private let minimumBytes: Int
  private let maxMessageBytes: Int

  init(_ options: CompressionOptions, _ limits: WireLimits) {
    self.minimumBytes = options.minimumBytes
    self.maxMessageBytes = limits.maxSendMessageBytes
  }

  /// That of one call, which its handler can choose no more from here on.
  package func settled(by context: CallContext) -> MessageCompression {
    let (algorithm, isExplicit) = context.settleCompression()
    return MessageCompression(
      algorithm,
      minimumBytes: isExplicit ? nil : self.minimumBytes,
      maxMessageBytes: self.maxMessageBytes
    )
  }
}

extension CompressionAlgorithm {
  /// The message without its compression, which is made for nobody above the limit.
  ///
  /// - Throws: `.resourceExhausted` if it is larger than the limit, after no more work than that; `.internalError` if the
  ///   bytes are not what the algorithm makes.
  package func decompressed(_ message: ByteBuffer, limit: Int) throws(RPCError) -> ByteBuffer {
    guard let format = self.format else { return message }
    var output = ByteBuffer()
    do throws(InflationError) {
      try format.inflate(message, into: &output, limit: limit)
      return output
    } catch {
      throw error.asRPCError(self, limit: limit)
    }
  }

  fileprivate var format: ZlibFormat? {
    switch self {
    case .identity: nil
    case .gzip: .gzip
    case .deflate: .zlib
    }
  }
}

extension InflationError {
  fileprivate func asRPCError(_ algorithm: CompressionAlgorithm, limit: Int) -> RPCError {
    let (code, message): (StatusCode, String) =
      switch self {
      case .tooLarge:
        (.resourceExhausted, "a message is larger than the limit of \(limit) bytes once decompressed")
      case .corrupt(let what):
        (.internalError, "a message cannot be decompressed as \(algorithm): \(what)")
      case .truncated:
        (.internalError, "a message cannot be decompressed as \(algorithm): it ends too early")
      case .outOfMemory:
        (.resourceExhausted, "there is no memory to decompress a message")
      }
    return RPCError(code: code, message: message, origin: .transport)
  }
}
