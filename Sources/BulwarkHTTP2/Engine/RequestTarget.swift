/// The two pseudo-header fields of a request that nghttp2 checks only in part.
enum RequestTarget {
  /// gRPC is spoken over `http` or `https`. nghttp2 lets any scheme pass, and with another one also any path.
  static func isSchemeValid(_ scheme: ArraySlice<UInt8>, requiresHTTPS: Bool) -> Bool {
    scheme.equals("https") || (!requiresHTTPS && scheme.equals("http"))
  }

  /// `/service/method`: two segments, neither empty. Anything else could be read in one way by a rule about
  /// paths and in another by the lookup of the method (CVE-2026-33186).
  static func isPathValid(_ path: ArraySlice<UInt8>) -> Bool {
    let slash = UInt8(ascii: "/")
    let afterFirst = path.dropFirst()
    guard path.first == slash, let second = afterFirst.firstIndex(of: slash) else { return false }
    let method = path[(second + 1)...]
    return second > afterFirst.startIndex && !method.isEmpty && !method.contains(slash)
  }
}

extension ArraySlice<UInt8> {
  /// Whether these are the bytes of a literal: compared in place, without a string.
  @inline(__always)
  func equals(_ text: StaticString) -> Bool {
    guard self.count == text.utf8CodeUnitCount else { return false }
    return text.withUTF8Buffer { literal in
      var index = self.startIndex
      for byte in literal {
        guard self[index] == byte else { return false }
        index += 1
      }
      return true
    }
  }
}
