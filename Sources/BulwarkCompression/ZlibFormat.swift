import CZlib

/// What zlib's compressed data is wrapped in.
package enum ZlibFormat: Hashable, CaseIterable, Sendable {
  /// A header with a time and a name, and a CRC-32 (RFC 1952). gRPC's `gzip`.
  case gzip
  /// Two bytes of header and an Adler-32 (RFC 1950). gRPC's `deflate`, which is not raw deflate data.
  case zlib

  /// The window of 32 KiB, and zlib's way to say which wrapping.
  var windowBits: Int32 {
    switch self {
    case .gzip: MAX_WBITS + 16
    case .zlib: MAX_WBITS
    }
  }
}

/// Why bytes could not be decompressed.
package enum InflationError: Error, Hashable, Sendable {
  /// There is more than the limit allows. What was decompressed until then was no more than the limit.
  case tooLarge
  /// The bytes are not compressed data, or were damaged, or something follows them.
  case corrupt(String)
  /// The compressed data ends before its end.
  case truncated
  /// zlib was refused the memory for its state.
  case outOfMemory
}
