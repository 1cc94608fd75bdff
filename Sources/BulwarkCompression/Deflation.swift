import CZlib
package import struct NIOCore.ByteBuffer

extension ZlibFormat {
  /// Compresses the readable bytes of a message, with a state of its own as gRPC asks for each message.
  ///
  /// - Parameter limit: the size above which the result is not wanted; the work stops there.
  /// - Returns: the compressed bytes; nil if they would be more than the limit, or if there is no memory for zlib's state.
  package func deflate(_ bytes: ByteBuffer, limit: Int = .max) -> ByteBuffer? {
    let pool =
      switch self {
      case .gzip: DeflateContext.gzipPool
      case .zlib: DeflateContext.zlibPool
      }
    guard let context = pool.take() ?? DeflateContext(self) else { return nil }
    defer { pool.put(context) }
    return context.deflate(bytes, limit: limit)
  }
}

/// zlib's state of a compression, used for one message at a time.
///
/// `@unchecked Sendable`: whoever takes it out of its pool, or makes it, is the only one that has it until it is put back.
final class DeflateContext: @unchecked Sendable {
  /// Four idle states of a format are one mebibyte.
  static let gzipPool = ContextPool<DeflateContext>(capacity: 4)
  static let zlibPool = ContextPool<DeflateContext>(capacity: 4)

  // On the heap and never moved, because zlib's state points back at it. Freed by `deinit` alone.
  private let stream: UnsafeMutablePointer<z_stream>

  /// Fails without memory.
  init?(_ format: ZlibFormat) {
    self.stream = .allocate(capacity: 1)
    self.stream.initialize(to: z_stream())
    // The macro of the documentation, spelled out. Memory level 8 and this window are zlib's defaults: 256 KiB.
    let result = deflateInit2_(
      self.stream,
      Z_DEFAULT_COMPRESSION,
      Z_DEFLATED,
      format.windowBits,
      8,
      Z_DEFAULT_STRATEGY,
      ZLIB_VERSION,
      Int32(MemoryLayout<z_stream>.size)
    )
    guard result == Z_OK else { return nil }
  }

  deinit {
    // Without effect on a state that could not be made.
    deflateEnd(self.stream)
    self.stream.deallocate()
  }

  func deflate(_ bytes: ByteBuffer, limit: Int) -> ByteBuffer? {
    guard deflateReset(self.stream) == Z_OK else { return nil }
    return bytes.withUnsafeReadableBytes { input in
      // zlib reads its input and never writes to it. The pointer is zlib's no longer than this closure lasts.
      self.stream.pointee.next_in = UnsafeMutablePointer(
        mutating: input.baseAddress?.assumingMemoryBound(to: Bytef.self)
      )
      self.stream.pointee.avail_in = UInt32(clamping: input.count)
      defer { self.stream.pointee.next_in = nil }
      var output = ByteBuffer()
      while output.readableBytes < limit {
        let left = limit - output.readableBytes
        let chunk = max(64 + input.count / 4, output.readableBytes)
        let result = self.stream.write(to: &output, atLeast: min(left, chunk), upTo: left) {
          CZlib.deflate($0, Z_FINISH)
        }
        switch result {
        case Z_STREAM_END: return output
        case Z_OK, Z_BUF_ERROR: continue
        default: return nil
        }
      }
      return nil
    }
  }
}

extension UnsafeMutablePointer<z_stream> {
  /// Has zlib write to the end of the buffer, which is given room for so many bytes at least.
  func write(
    to output: inout ByteBuffer,
    atLeast room: Int,
    upTo limit: Int,
    _ step: (UnsafeMutablePointer<z_stream>) -> Int32
  ) -> Int32 {
    var result = Z_OK
    output.writeWithUnsafeMutableBytes(minimumWritableBytes: room) { region in
      let available = min(limit, region.count)
      // The buffer's memory is zlib's no longer than this closure lasts, and no more of it than `available` bytes.
      self.pointee.next_out = region.baseAddress?.assumingMemoryBound(to: Bytef.self)
      self.pointee.avail_out = UInt32(clamping: available)
      let given = Int(self.pointee.avail_out)
      defer { self.pointee.next_out = nil }
      result = step(self)
      return given - Int(self.pointee.avail_out)
    }
    return result
  }
}
