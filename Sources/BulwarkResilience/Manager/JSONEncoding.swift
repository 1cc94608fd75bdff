/// The encoder behind ``JSONText``.
struct JSONEncoding: Encoder {
  let node: JSONNode
  let codingPath: [any CodingKey]

  var userInfo: [CodingUserInfoKey: Any] { [:] }

  func container<Key: CodingKey>(keyedBy type: Key.Type) -> KeyedEncodingContainer<Key> {
    self.node.set(.object)
    return KeyedEncodingContainer(Keyed<Key>(node: self.node, codingPath: self.codingPath))
  }

  func unkeyedContainer() -> any UnkeyedEncodingContainer {
    self.node.set(.array)
    return Unkeyed(node: self.node, codingPath: self.codingPath)
  }

  func singleValueContainer() -> any SingleValueEncodingContainer {
    Single(node: self.node, codingPath: self.codingPath)
  }
}

extension JSONEncoding {
  private struct Keyed<Key: CodingKey>: KeyedEncodingContainerProtocol {
    let node: JSONNode
    let codingPath: [any CodingKey]

    func encodeNil(forKey key: Key) {
      _ = self.node.append(key.stringValue)
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

    func superEncoder() -> any Encoder {
      JSONEncoding(node: self.node.append("super"), codingPath: self.codingPath)
    }

    func superEncoder(forKey key: Key) -> any Encoder {
      self.encoder(forKey: key)
    }

    private func encoder(forKey key: Key) -> JSONEncoding {
      JSONEncoding(node: self.node.append(key.stringValue), codingPath: self.codingPath + [key])
    }
  }

  private struct Unkeyed: UnkeyedEncodingContainer {
    let node: JSONNode
    let codingPath: [any CodingKey]
    private(set) var count = 0

    init(node: JSONNode, codingPath: [any CodingKey]) {
      self.node = node
      self.codingPath = codingPath
    }

    mutating func encodeNil() {
      _ = self.next()
    }

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

    mutating func superEncoder() -> any Encoder {
      self.next()
    }

    private mutating func next() -> JSONEncoding {
      self.count += 1
      return JSONEncoding(node: self.node.append(), codingPath: self.codingPath)
    }
  }

  private struct Single: SingleValueEncodingContainer {
    let node: JSONNode
    let codingPath: [any CodingKey]

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
      try value.encode(to: JSONEncoding(node: self.node, codingPath: self.codingPath))
    }

    private func encode(number value: some BinaryInteger) {
      self.node.set(.scalar, "\(value)")
    }
  }
}
