import CZlib
package import struct NIOCore.ByteBuffer

extension ZlibFormat {
  /// Decompresses the readable bytes of a message.
  ///
  /// The work stops at the limit: the output is never larger, and no memory is taken for what it does not hold yet but by
  /// doubling, so what a few bytes can cost is bounded by the limit and not by what they claim. Of gzip several members
  /// may follow each other (RFC 1952, section 2.2); other bytes behind the end are an error in both formats.
  ///
  /// - Parameters:
  ///   - output: where the bytes are appended; after an error it holds what was decompressed before it.
  ///   - limit: how many bytes may be appended.
  package func inflate(
    _ bytes: ByteBuffer,
    into output: inout ByteBuffer,
    limit: Int
  ) throws(InflationError) {
    guard let context = InflateContext.pool.take() ?? InflateContext() else { throw .outOfMemory }
    defer { InflateContext.pool.put(context) }
    if let error = context.inflate(bytes, self, into: &output, limit: max(0, limit)) { throw error }
  }
}

/// zlib's state of a decompression, used for one message at a time.
///
/// `@unchecked Sendable`: whoever takes it out of its pool, or makes it, is the only one that has it until it is put back.
final class InflateContext: @unchecked Sendable {
  /// A state serves both formats.
  static let pool = ContextPool<InflateContext>(capacity: 8)

  /// What is first reserved for a message.
  private static let firstChunk = 1024

  // On the heap and never moved, because zlib's state points back at it. Freed by `deinit` alone.
  private let stream: UnsafeMutablePointer<z_stream>

  /// Fails without memory.
  init?() {
    self.stream = .allocate(capacity: 1)
    self.stream.initialize(to: z_stream())
    guard inflateInit2_(self.stream, MAX_WBITS, ZLIB_VERSION, Int32(MemoryLayout<z_stream>.size)) == Z_OK
    else { return nil }
  }

  deinit {
    // Without effect on a state that could not be made.
    inflateEnd(self.stream)
    self.stream.deallocate()
  }

  func inflate(
    _ bytes: ByteBuffer,
    _ format: ZlibFormat,
    into output: inout ByteBuffer,
    limit: Int
  ) -> InflationError? {
    let (end, isOver) = output.readableBytes.addingReportingOverflow(limit)
    return bytes.withUnsafeReadableBytes { input in
      // zlib reads its input and never writes to it. The pointer is zlib's no longer than this closure lasts.
      self.stream.pointee.next_in = UnsafeMutablePointer(
        mutating: input.baseAddress?.assumingMemoryBound(to: Bytef.self)
      )
      self.stream.pointee.avail_in = UInt32(clamping: input.count)
      defer { self.stream.pointee.next_in = nil }
      repeat {
        guard inflateReset2(self.stream, format.windowBits) == Z_OK else { return .outOfMemory }
        if let error = self.inflateMember(into: &output, end: isOver ? .max : end) { return error }
      } while format == .gzip && self.stream.pointee.avail_in > 0
      return self.stream.pointee.avail_in > 0 ? .corrupt("bytes follow its end") : nil
    }
  }

  private func inflateMember(into output: inout ByteBuffer, end: Int) -> InflationError? {
    while true {
      let left = end - output.readableBytes
      guard left > 0 else { return self.endBeyondLimit() }
      let chunk = max(Self.firstChunk, 2 * Int(self.stream.pointee.avail_in), output.readableBytes)
      let result = self.stream.write(to: &output, atLeast: min(left, chunk), upTo: left) {
        CZlib.inflate($0, Z_NO_FLUSH)
      }
      if result == Z_STREAM_END { return nil }
      if let error = self.error(result) { return error }
    }
  }

  /// The output is full: there may be a check sum to come, which takes no room, but no other byte.
  private func endBeyondLimit() -> InflationError? {
    withUnsafeTemporaryAllocation(of: Bytef.self, capacity: 1) { byte in
      // The one byte is zlib's no longer than this closure lasts.
      self.stream.pointee.next_out = byte.baseAddress
      self.stream.pointee.avail_out = 1
      defer { self.stream.pointee.next_out = nil }
      while true {
        let result = CZlib.inflate(self.stream, Z_NO_FLUSH)
        if self.stream.pointee.avail_out == 0 { return .tooLarge }
        if result == Z_STREAM_END { return nil }
        if let error = self.error(result) { return error }
      }
    }
  }

  /// What a result means before the end; nil if the work goes on.
  private func error(_ result: Int32) -> InflationError? {
    switch result {
    case Z_OK: nil
    // No progress, and there is always room for output: it lacks input.
    case Z_BUF_ERROR: .truncated
    case Z_MEM_ERROR: .outOfMemory
    case Z_NEED_DICT: .corrupt("it needs a dictionary, and gRPC has none")
    default: .corrupt(self.stream.pointee.msg.map { String(cString: $0) } ?? "zlib's error \(result)")
    }
  }
}
