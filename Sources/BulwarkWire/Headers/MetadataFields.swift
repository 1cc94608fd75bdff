import BulwarkCore
import BulwarkHTTP2

/// Metadata on the wire: what is legal, and how bytes travel.
enum MetadataFields {
  /// Adds a received pair with a `-bin` name to the metadata.
  ///
  /// - Returns: false if the value is not base64.
  static func appendBinary(
    name: ArraySlice<UInt8>,
    value: ArraySlice<UInt8>,
    to metadata: inout Metadata
  ) -> Bool {
    // A peer may have joined several values with commas; the split comes first, because each value has a
    // padding of its own.
    for part in value.split(separator: UInt8(ascii: ","), omittingEmptySubsequences: false) {
      guard let bytes = Base64.decode(part.trimmingSpace()) else { return false }
      metadata.append(name: name, value: bytes[...])
    }
    return true
  }

  /// Adds every pair to a header list that is about to be sent.
  ///
  /// - Throws: `.internalError` naming the pair, if a name or a value may not stand in a header.
  static func append(_ metadata: Metadata, to fields: inout HTTP2FieldList) throws(RPCError) {
    for index in metadata.indices {
      let name = metadata.nameBytes(at: index)
      switch HeaderName(name.span) {
      case .application:
        let value = metadata.valueBytes(at: index)
        guard self.isLegal(name: name) else { throw self.illegal(name, "its name") }
        guard value.allSatisfy({ (0x20...0x7E).contains($0) }) else { throw self.illegal(name, "its value") }
        fields.add(name: name, value: value, neverIndex: name.span.equals("authorization"))
      case .applicationBinary:
        guard self.isLegal(name: name) else { throw self.illegal(name, "its name") }
        fields.add(name: name, value: Base64.encode(metadata.valueBytes(at: index)))
      default:
        throw self.illegal(name, "its name, which the protocol has reserved")
      }
    }
  }

  private static func isLegal(name: ArraySlice<UInt8>) -> Bool {
    !name.isEmpty
      && name.allSatisfy { byte in
        switch byte {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "0")...UInt8(ascii: "9"),
          UInt8(ascii: "-"), UInt8(ascii: "_"), UInt8(ascii: "."):
          true
        default: false
        }
      }
  }

  private static func illegal(_ name: ArraySlice<UInt8>, _ what: String) -> RPCError {
    RPCError(
      code: .internalError,
      message: "metadata \"\(String(decoding: name, as: UTF8.self))\" cannot be sent because of \(what)"
    )
  }
}

extension ArraySlice<UInt8> {
  /// Without the spaces and tabs around it, which HTTP does not count as part of a value.
  func trimmingSpace() -> ArraySlice<UInt8> {
    guard let first = self.firstIndex(where: { $0 != 0x20 && $0 != 0x09 }),
      let last = self.lastIndex(where: { $0 != 0x20 && $0 != 0x09 })
    else { return self[self.endIndex..<self.endIndex] }
    return self[first...last]
  }
}
