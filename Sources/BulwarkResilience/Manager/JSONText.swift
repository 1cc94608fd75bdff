/// Writes `Codable` values as JSON (RFC 8259) with sorted keys: the same value gives the same text, byte for byte.
///
/// It stands here because the library does without Foundation, and covers what statistics are made of: objects,
/// arrays, strings, whole numbers, finite floating-point numbers, booleans; an absent optional is left out.
enum JSONText {
  static func encode(_ value: some Encodable) throws -> String {
    let node = JSONNode()
    try value.encode(to: JSONEncoding(node: node, codingPath: []))
    var text = ""
    node.write(to: &text)
    return text
  }
}

/// A value under construction. A class, because encoders hand out containers that are filled later.
final class JSONNode {
  enum Kind { case null, scalar, string, array, object }

  var kind = Kind.null
  var text = ""
  private var keys: [String] = []
  private var children: [JSONNode] = []

  func set(_ kind: Kind, _ text: String = "") {
    self.kind = kind
    self.text = text
  }

  /// A new member of an object or, without a key, a new element of an array.
  func append(_ key: String = "") -> JSONNode {
    let node = JSONNode()
    self.keys.append(key)
    self.children.append(node)
    return node
  }

  func write(to text: inout String) {
    switch self.kind {
    case .null: text += "null"
    case .scalar: text += self.text
    case .string: Self.write(self.text, to: &text)
    case .array: self.writeChildren(between: "[", "]", to: &text)
    case .object: self.writeChildren(between: "{", "}", to: &text)
    }
  }

  private func writeChildren(between opening: String, _ closing: String, to text: inout String) {
    text += opening
    let isObject = self.kind == .object
    let order =
      isObject ? self.keys.indices.sorted { self.keys[$0] < self.keys[$1] } : Array(self.keys.indices)
    for (position, index) in order.enumerated() {
      if position > 0 { text += "," }
      if isObject {
        Self.write(self.keys[index], to: &text)
        text += ":"
      }
      self.children[index].write(to: &text)
    }
    text += closing
  }

  private static func write(_ string: String, to text: inout String) {
    text += "\""
    for scalar in string.unicodeScalars {
      switch scalar {
      case "\"": text += "\\\""
      case "\\": text += "\\\\"
      case "\n": text += "\\n"
      case "\r": text += "\\r"
      case "\t": text += "\\t"
      case "\u{0}"..<"\u{20}":
        let digits = String(scalar.value, radix: 16)
        text += "\\u" + String(repeating: "0", count: 4 - digits.count) + digits
      default: text.unicodeScalars.append(scalar)
      }
    }
    text += "\""
  }
}
