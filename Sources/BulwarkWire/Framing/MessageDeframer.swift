package import BulwarkCore
package import struct NIOCore.ByteBuffer

/// Takes gRPC's length-prefixed messages out of a stream of bytes (gRPC over HTTP/2, "Length-Prefixed-Message").
///
/// DATA frames have nothing to do with messages: a message may come byte by byte, a thousand may come in one
/// frame. The caller asks in a loop, so many messages cost no stack.
package struct MessageDeframer {
  /// The bytes before each message: a flag and a length.
  package static let prefixLength: UInt8 = 5

  /// How much is reserved for a message before its bytes have come. A peer that only claims a length gets no
  /// more memory than this.
  private static let initialReservation = 64 * 1024

  /// How many times what has come is reserved, within what was claimed. A buffer that grows by itself doubles, and copies
  /// about as much as a large message has; with four it is a third of that.
  private static let growth = 4

  let limit: Int
  /// What the stream's `grpc-encoding` says: a message may be compressed with it.
  package var encoding: CompressionAlgorithm
  /// What the message that came last, or is coming, is compressed with.
  package private(set) var latestEncoding = CompressionAlgorithm.identity
  private var prefixCount: UInt8 = 0
  private var length: UInt32 = 0
  private var prefix: UInt64 = 0
  private var partial: ByteBuffer?

  /// Creates a deframer that refuses messages of more than `limit` bytes, compressed ones when they are longer than any
  /// message of the limit becomes; whoever decompresses them holds them to the limit.
  package init(limit: Int, encoding: CompressionAlgorithm = .identity) {
    self.limit = limit
    self.encoding = encoding
  }

  /// Whether a message has begun and not ended.
  package var isInsideMessage: Bool { self.prefixCount > 0 }

  /// Takes bytes from the chunk until a message is whole or the chunk is empty.
  ///
  /// A message that lies whole in the chunk is a slice of it, and keeps the chunk's memory alive. It is compressed as
  /// ``latestEncoding`` says.
  ///
  /// - Parameter buffers: what a large message that comes in pieces is put together in; malloc's memory if there are none.
  /// - Throws: `.resourceExhausted` if a message declares more than the limit, before anything is reserved for
  ///   it; `.internalError` if it is marked as compressed, which no encoding was agreed for.
  package mutating func next(
    from chunk: inout ByteBuffer,
    buffers: MessageBuffers? = nil
  ) throws(RPCError) -> ByteBuffer? {
    if self.prefixCount < Self.prefixLength {
      guard self.readPrefix(from: &chunk) else { return nil }
      try self.checkPrefix()
    }
    if self.partial == nil, let message = chunk.readSlice(length: Int(self.length)) {
      self.prefixCount = 0
      return message
    }
    return self.continueMessage(from: &chunk, buffers)
  }

  private mutating func readPrefix(from chunk: inout ByteBuffer) -> Bool {
    while self.prefixCount < Self.prefixLength {
      guard let byte = chunk.readInteger(as: UInt8.self) else { return false }
      self.prefix = self.prefix << 8 | UInt64(byte)
      self.prefixCount += 1
    }
    return true
  }

  private mutating func checkPrefix() throws(RPCError) {
    let flag = self.prefix >> 32 & 0xFF
    let declared = Int(self.prefix & 0xFFFF_FFFF)
    guard flag == 0 || flag == 1 && self.encoding != .identity else {
      throw RPCError(
        code: .internalError,
        message: flag == 1
          ? "a message is marked as compressed, but no grpc-encoding was declared"
          : "a message starts with flag \(flag); only 0 and 1 are defined",
        origin: .transport
      )
    }
    // What cannot be compressed becomes a little longer: by no more than this, with any encoder of these formats.
    let growth = flag == 0 ? 0 : self.limit / 1024 + 64
    guard declared - growth <= self.limit else {
      throw .messageTooLarge(declared, limit: self.limit)
    }
    self.latestEncoding = flag == 0 ? .identity : self.encoding
    self.prefix = 0
    self.length = UInt32(truncatingIfNeeded: declared)
  }

  private mutating func continueMessage(from chunk: inout ByteBuffer, _ buffers: MessageBuffers?)
    -> ByteBuffer?
  {
    let length = Int(self.length)
    var message = self.partial ?? ByteBuffer()
    self.partial = nil
    if message.capacity == 0 {
      // What a large message outgrows is kept, so that its beginning has to come from there, too.
      message.grow(to: min(length, Self.initialReservation), length > Self.initialReservation ? buffers : nil)
    }
    if let bytes = chunk.readSlice(length: min(chunk.readableBytes, length - message.readableBytes)) {
      if message.writableBytes < bytes.readableBytes {
        let total = message.readableBytes + bytes.readableBytes
        message.grow(to: min(length, Self.growth * total), buffers)
      }
      message.writeImmutableBuffer(bytes)
    }
    guard message.readableBytes == length else {
      self.partial = message
      return nil
    }
    self.prefixCount = 0
    if message.storageCapacity > Self.initialReservation { buffers?.keep(message) }
    return message
  }
}

extension RPCError {
  /// A message that has come is larger than is taken.
  package static func messageTooLarge(_ bytes: Int, limit: Int) -> RPCError {
    RPCError(
      code: .resourceExhausted,
      message: "a message of \(bytes) bytes is larger than the limit of \(limit) bytes",
      origin: .transport
    )
  }
}

extension ByteBuffer {
  /// Moves what it holds to where there is room for so many bytes.
  fileprivate mutating func grow(to capacity: Int, _ buffers: MessageBuffers?) {
    guard let buffers else { return self.reserveCapacity(capacity) }
    var larger = buffers.take(capacity: capacity)
    larger.writeBuffer(&self)
    swap(&self, &larger)
    buffers.keep(larger)
  }

  /// The bytes at these indices, or none where the buffer has none.
  func slice(_ range: Range<Int>) -> ByteBuffer {
    range.isEmpty ? ByteBuffer() : self.getSlice(at: range.lowerBound, length: range.count) ?? ByteBuffer()
  }

  /// The same bytes, copied if they are a small part of a large allocation that they would keep alive.
  func detached() -> ByteBuffer {
    guard self.storageCapacity > 4 * self.readableBytes else { return self }
    return ByteBuffer(bytes: self.readableBytesView)
  }
}
