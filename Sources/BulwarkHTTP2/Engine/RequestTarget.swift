/// The two pseudo-header fields of a request that nghttp2 checks only in part.
enum RequestTarget {
  /// gRPC is spoken over `http` or `https`. nghttp2 lets any scheme pass, and with another one also any path.
  static func isSchemeValid(_ scheme: some Collection<UInt8>) -> Bool {
    scheme.elementsEqual("http".utf8) || scheme.elementsEqual("https".utf8)
  }

  /// `/service/method`: two segments, neither empty. Anything else could be read in one way by a rule about
  /// paths and in another by the lookup of the method (CVE-2026-33186).
  static func isPathValid(_ path: some Collection<UInt8>) -> Bool {
    let slash = UInt8(ascii: "/")
    guard path.first == slash else { return false }
    let segments = path.dropFirst().split(separator: slash, omittingEmptySubsequences: false)
    return segments.count == 2 && segments.allSatisfy { !$0.isEmpty }
  }
}
