/// Writes `Codable` values as JSON (RFC 8259) with sorted keys: the same value gives the same text, byte for byte.
///
/// It stands here because the library does without Foundation, and covers what statistics are made of: objects,
/// arrays, strings, whole numbers, finite floating-point numbers, booleans; an absent optional is left out.
enum JSONText {
  static func encode(_ value: some Encodable) throws -> String {
    let node = JSONNode()
    try value.encode(to: JSONEncoding(node: node, path: .root))
    var output = JSONOutput()
    output.write(node.value)
    return String(decoding: output.bytes, as: UTF8.self)
  }
}

/// A value under construction: what has no parts as it is written, and the rest as a node.
enum JSONValue {
  case null
  case scalar(String)
  case string(String)
  case array(JSONNode)
  case object(JSONNode)
}

/// A value that an encoder hands out to be filled, later too, and therefore a class.
final class JSONNode {
  struct Member {
    let key: String
    var value: JSONValue
  }

  enum Kind { case null, scalar, string, array, object }

  private var kind = Kind.null
  private var text = ""
  private(set) var members: [Member] = []
  /// Nodes among the members, whose values are known once all is encoded.
  private(set) var children: [(index: Int, node: JSONNode)] = []

  /// What it has become.
  var value: JSONValue {
    switch self.kind {
    case .null: .null
    case .scalar: .scalar(self.text)
    case .string: .string(self.text)
    case .array: .array(self)
    case .object: .object(self)
    }
  }

  func set(_ kind: Kind, _ text: String = "") {
    self.kind = kind
    self.text = text
    if kind == .object || kind == .array { self.members.reserveCapacity(8) }
  }

  /// Adds a member of an object or, with an empty key, an element of an array.
  func append(_ key: String, _ value: JSONValue) {
    self.members.append(Member(key: key, value: value))
  }

  /// The same for one that is encoded later.
  func appendNode(_ key: String) -> JSONNode {
    let node = JSONNode()
    self.children.append((self.members.count, node))
    self.members.append(Member(key: key, value: .null))
    return node
  }

  /// The members, the nodes among them as what they have become; asked for once.
  func finish() -> [Member] {
    for (index, node) in self.children { self.members[index].value = node.value }
    return self.members
  }
}
