/// JSON as it is written.
struct JSONOutput {
  private(set) var bytes: [UInt8] = []
  /// The order of keys for each set of them that was met, since statistics consist of a few kinds of object.
  private var orders: [(keys: [String], order: [Int])] = []
  private static let mostOrders = 16

  mutating func write(_ value: JSONValue) {
    switch value {
    case .null: self.bytes.append(contentsOf: "null".utf8)
    case .scalar(let text): self.bytes.append(contentsOf: text.utf8)
    case .string(let text): self.writeString(text)
    case .array(let node): self.writeArray(node.finish())
    case .object(let node): self.writeObject(node.finish())
    }
  }

  private mutating func writeArray(_ elements: [JSONNode.Member]) {
    self.bytes.append(UInt8(ascii: "["))
    for index in elements.indices {
      if index > 0 { self.bytes.append(UInt8(ascii: ",")) }
      self.write(elements[index].value)
    }
    self.bytes.append(UInt8(ascii: "]"))
  }

  private mutating func writeObject(_ members: [JSONNode.Member]) {
    self.bytes.append(UInt8(ascii: "{"))
    var isFirst = true
    for index in self.order(of: members) {
      if !isFirst { self.bytes.append(UInt8(ascii: ",")) }
      isFirst = false
      self.writeString(members[index].key)
      self.bytes.append(UInt8(ascii: ":"))
      self.write(members[index].value)
    }
    self.bytes.append(UInt8(ascii: "}"))
  }

  private mutating func order(of members: [JSONNode.Member]) -> [Int] {
    let known = self.orders.first { known in
      known.keys.count == members.count && members.indices.allSatisfy { known.keys[$0] == members[$0].key }
    }
    if let known { return known.order }
    let order = members.indices.sorted { members[$0].key < members[$1].key }
    if self.orders.count < Self.mostOrders { self.orders.append((members.map(\.key), order)) }
    return order
  }

  private mutating func writeString(_ string: String) {
    self.bytes.append(UInt8(ascii: "\""))
    if string.utf8.allSatisfy({ $0 >= 0x20 && $0 != UInt8(ascii: "\"") && $0 != UInt8(ascii: "\\") }) {
      self.bytes.append(contentsOf: string.utf8)
    } else {
      self.writeEscaped(string)
    }
    self.bytes.append(UInt8(ascii: "\""))
  }

  private mutating func writeEscaped(_ string: String) {
    for byte in string.utf8 {
      switch byte {
      case UInt8(ascii: "\""): self.bytes.append(contentsOf: "\\\"".utf8)
      case UInt8(ascii: "\\"): self.bytes.append(contentsOf: "\\\\".utf8)
      case UInt8(ascii: "\n"): self.bytes.append(contentsOf: "\\n".utf8)
      case UInt8(ascii: "\r"): self.bytes.append(contentsOf: "\\r".utf8)
      case UInt8(ascii: "\t"): self.bytes.append(contentsOf: "\\t".utf8)
      case 0..<0x20:
        let digits = String(byte, radix: 16)
        self.bytes.append(contentsOf: ("\\u" + String(repeating: "0", count: 4 - digits.count) + digits).utf8)
      default: self.bytes.append(byte)
      }
    }
  }
}
