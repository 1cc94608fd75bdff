public import BulwarkCore

/// How one end of a connection compresses messages, and what it reads (https://grpc.io/docs/guides/compression/).
public struct CompressionOptions: Hashable, Sendable {
  /// What messages are compressed with unless a call says otherwise. Default: nothing.
  ///
  /// A server falls back to nothing for a client that does not read it.
  public var algorithm: CompressionAlgorithm = .identity

  /// Below this size, in bytes, a message is sent as it is, and so is one that would not become smaller. Holds only while
  /// ``algorithm`` decides: what a call or a write asks for is done. Default 1 KiB, about what fits into one packet anyway.
  public var minimumBytes: Int = 1024

  /// What is read, and offered to the peer in `grpc-accept-encoding`. Default: gzip and deflate.
  ///
  /// Decompressing stops at ``WireLimits/maxReceiveMessageBytes``, or at the limit of the call.
  public var accepted: CompressionAlgorithms = .all

  /// The defaults.
  public init() {}
}
