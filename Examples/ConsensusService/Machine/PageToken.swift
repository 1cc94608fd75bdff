/// Where the next page of a validator set begins. Clients get it as text that only this chain's nodes can make.
struct PageToken: Hashable, Sendable {
  let height: UInt64
  let offset: UInt32

  init(height: UInt64, offset: UInt32) {
    self.height = height
    self.offset = offset
  }

  /// Reads a token; anything but what ``text(chainID:)`` returned is INVALID_ARGUMENT.
  init(_ text: String, chainID: String) throws(ChainRefusal) {
    let parts = text.split(separator: "-", omittingEmptySubsequences: false)
    guard parts.count == 3, let height = UInt64(parts[0]), let offset = UInt32(parts[1]) else {
      throw .invalid("page_token", "was not made by this service")
    }
    self.init(height: height, offset: offset)
    guard self.text(chainID: chainID) == text else {
      throw .invalid("page_token", "was not made by this service")
    }
  }

  /// `height-offset-check`, the check being the first 8 bytes of a digest.
  func text(chainID: String) -> String {
    var bytes = CanonicalBytes(domain: "bulwark.mock.page")
    bytes.append(chainID)
    bytes.append(self.height)
    bytes.append(self.offset)
    return "\(self.height)-\(self.offset)-\(bytes.digest.prefix(8).hexadecimal)"
  }
}

extension Collection<UInt8> {
  /// The bytes as hexadecimal digits, two for each.
  public var hexadecimal: String {
    var text = ""
    for byte in self {
      text += byte < 16 ? "0" : ""
      text += String(byte, radix: 16)
    }
    return text
  }
}
