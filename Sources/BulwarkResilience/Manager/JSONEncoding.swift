/// The encoder behind ``JSONText``.
struct JSONEncoding: Encoder {
  /// The keys that lead to a value, for errors: made into what the protocol wants only if there is one.
  indirect enum Path {
    case root
    case key(String, in: Path)
    case index(Int, in: Path)

    var codingPath: [any CodingKey] {
      switch self {
      case .root: []
      case .key(let key, let path): path.codingPath + [Step(stringValue: key)]
      case .index(let index, let path): path.codingPath + [Step(intValue: index)]
      }
    }
  }

  private struct Step: CodingKey {
    let stringValue: String
    let intValue: Int?

    init(stringValue: String) {
      self.stringValue = stringValue
      self.intValue = nil
    }

    init(intValue: Int) {
      self.stringValue = "Index \(intValue)"
      self.intValue = intValue
    }
  }

  let node: JSONNode
  let path: Path

  var codingPath: [any CodingKey] { self.path.codingPath }
  var userInfo: [CodingUserInfoKey: Any] { [:] }

  func container<Key: CodingKey>(keyedBy type: Key.Type) -> KeyedEncodingContainer<Key> {
    self.node.set(.object)
    return KeyedEncodingContainer(Keyed<Key>(node: self.node, path: self.path))
  }

  func unkeyedContainer() -> any UnkeyedEncodingContainer {
    self.node.set(.array)
    return Unkeyed(node: self.node, path: self.path)
  }

  func singleValueContainer() -> any SingleValueEncodingContainer {
    Single(node: self.node, path: self.path)
  }
}

extension JSONEncoding {
  private struct Keyed<Key: CodingKey>: KeyedEncodingContainerProtocol {
    let node: JSONNode
    let path: Path

    var codingPath: [any CodingKey] { self.path.codingPath }

    func encodeNil(forKey key: Key) { self.node.append(key.stringValue, .null) }

    // What statistics are made of needs no node, nor a container of its own.
    func encode(_ value: Bool, forKey key: Key) {
      self.node.append(key.stringValue, .scalar(value ? "true" : "false"))
    }
    func encode(_ value: String, forKey key: Key) { self.node.append(key.stringValue, .string(value)) }
    func encode(_ value: Int, forKey key: Key) { self.node.append(key.stringValue, .scalar(String(value))) }
    func encode(_ value: Int64, forKey key: Key) { self.node.append(key.stringValue, .scalar(String(value))) }
    func encode(_ value: UInt32, forKey key: Key) {
      self.node.append(key.stringValue, .scalar(String(value)))
    }
    func encode(_ value: UInt64, forKey key: Key) {
      self.node.append(key.stringValue, .scalar(String(value)))
    }

    func encode(_ value: some Encodable, forKey key: Key) throws {
      try value.encode(to: self.encoder(forKey: key))
    }

    func nestedContainer<NestedKey: CodingKey>(
      keyedBy type: NestedKey.Type,
      forKey key: Key
    ) -> KeyedEncodingContainer<NestedKey> {
      self.encoder(forKey: key).container(keyedBy: type)
    }

    func nestedUnkeyedContainer(forKey key: Key) -> any UnkeyedEncodingContainer {
      self.encoder(forKey: key).unkeyedContainer()
    }

    func superEncoder() -> any Encoder { self.encoder(named: "super") }

    func superEncoder(forKey key: Key) -> any Encoder { self.encoder(forKey: key) }

    private func encoder(forKey key: Key) -> JSONEncoding { self.encoder(named: key.stringValue) }

    private func encoder(named key: String) -> JSONEncoding {
      JSONEncoding(node: self.node.appendNode(key), path: .key(key, in: self.path))
    }
  }

  private struct Unkeyed: UnkeyedEncodingContainer {
    let node: JSONNode
    let path: Path

    var codingPath: [any CodingKey] { self.path.codingPath }
    var count: Int { self.node.members.count }

    mutating func encodeNil() { self.node.append("", .null) }

    mutating func encode(_ value: some Encodable) throws {
      try value.encode(to: self.next())
    }

    mutating func nestedContainer<NestedKey: CodingKey>(
      keyedBy type: NestedKey.Type
    ) -> KeyedEncodingContainer<NestedKey> {
      self.next().container(keyedBy: type)
    }

    mutating func nestedUnkeyedContainer() -> any UnkeyedEncodingContainer {
      self.next().unkeyedContainer()
    }

    mutating func superEncoder() -> any Encoder { self.next() }

    private func next() -> JSONEncoding {
      JSONEncoding(node: self.node.appendNode(""), path: .index(self.count, in: self.path))
    }
  }

  private struct Single: SingleValueEncodingContainer {
    let node: JSONNode
    let path: Path

    var codingPath: [any CodingKey] { self.path.codingPath }

    func encodeNil() { self.node.set(.null) }
    func encode(_ value: Bool) { self.node.set(.scalar, value ? "true" : "false") }
    func encode(_ value: String) { self.node.set(.string, value) }
    func encode(_ value: Float) throws { try self.encode(Double(value)) }
    func encode(_ value: Int) { self.encode(number: value) }
    func encode(_ value: Int8) { self.encode(number: value) }
    func encode(_ value: Int16) { self.encode(number: value) }
    func encode(_ value: Int32) { self.encode(number: value) }
    func encode(_ value: Int64) { self.encode(number: value) }
    func encode(_ value: UInt) { self.encode(number: value) }
    func encode(_ value: UInt8) { self.encode(number: value) }
    func encode(_ value: UInt16) { self.encode(number: value) }
    func encode(_ value: UInt32) { self.encode(number: value) }
    func encode(_ value: UInt64) { self.encode(number: value) }

    func encode(_ value: Double) throws {
      guard value.isFinite else {
        let context = EncodingError.Context(
          codingPath: self.codingPath,
          debugDescription: "JSON has no \(value)"
        )
        throw EncodingError.invalidValue(value, context)
      }
      self.node.set(.scalar, "\(value)")
    }

    func encode(_ value: some Encodable) throws {
      try value.encode(to: JSONEncoding(node: self.node, path: self.path))
    }

    private func encode(number value: some BinaryInteger) {
      self.node.set(.scalar, "\(value)")
    }
  }
}
