import NIOCore

/// How much of a connection's bytes is read at once, where it has a buffer of its own: by a client, and over TLS.
///
/// A channel keeps its buffer between reads, so that what a connection that says nothing costs is mostly this: it starts
/// small, doubles with each read that fills it, up to 64 KiB, and is halved when two reads in turn need no more.
enum ReceiveBuffer {
  static let allocator = AdaptiveRecvByteBufferAllocator(minimum: 1024, initial: 2048, maximum: 64 * 1024)
}
