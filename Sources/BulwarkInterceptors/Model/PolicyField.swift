public import BulwarkResilience

/// A group of settings, each of which may be left open for a source of lower precedence, or for its default.
public protocol PolicyRecord: Hashable, Sendable {
  /// A record with nothing set.
  init()

  /// What can be set, in the order in which it is shown.
  static var fields: [PolicyField<Self>] { get }
}

/// One thing that a record lets be set: its key, as .proto and configuration files write it, and the ways to it.
public struct PolicyField<Root: Sendable>: Sendable {
  /// The key: `failure_threshold`, with its section in a method's policy: `circuit_breaker.failure_threshold`.
  public let key: String
  let isSet: @Sendable (Root) -> Bool
  let text: @Sendable (Root) -> String?
  let copy: @Sendable (_ from: Root, _ to: inout Root) -> Void
  let read: @Sendable (PolicyValue, inout Root) throws(InvalidOption) -> Void

  init<Value: PolicyFieldValue>(_ key: String, _ path: any WritableKeyPath<Root, Value?> & Sendable) {
    self.key = key
    self.isSet = { $0[keyPath: path] != nil }
    self.text = { $0[keyPath: path]?.policyText }
    self.copy = { $1[keyPath: path] = $0[keyPath: path] }
    self.read = { value, root throws(InvalidOption) in
      guard let own = Value(policyValue: value) else {
        throw InvalidOption(field: key, value: value.shown, allowed: Value.allowed)
      }
      root[keyPath: path] = own
    }
  }

  /// The same field of a record that is a section of another one. To set it makes the section.
  init<Section: PolicyRecord>(
    _ field: PolicyField<Section>,
    in section: String,
    _ path: any WritableKeyPath<Root, Section?> & Sendable
  ) {
    self.key = "\(section).\(field.key)"
    let name = self.key
    self.isSet = { $0[keyPath: path].map(field.isSet) ?? false }
    self.text = { $0[keyPath: path].flatMap(field.text) }
    self.copy = { from, to in
      guard let source = from[keyPath: path] else { return }
      var target = to[keyPath: path] ?? Section()
      field.copy(source, &target)
      to[keyPath: path] = target
    }
    self.read = { value, root throws(InvalidOption) in
      var target = root[keyPath: path] ?? Section()
      do throws(InvalidOption) {
        try field.read(value, &target)
      } catch {
        throw InvalidOption(field: name, value: error.value, allowed: error.allowed)
      }
      root[keyPath: path] = target
    }
  }

  /// A section as a whole: there, with nothing but defaults, or not there.
  init<Section: PolicyRecord>(section key: String, _ path: any WritableKeyPath<Root, Section?> & Sendable) {
    self.key = key
    self.isSet = { $0[keyPath: path] != nil }
    // Its fields show that it is there, unless there are none.
    self.text = { root in
      guard let section = root[keyPath: path] else { return nil }
      return Section.fields.contains { $0.isSet(section) } ? nil : true.policyText
    }
    self.copy = { from, to in
      if from[keyPath: path] != nil, to[keyPath: path] == nil { to[keyPath: path] = Section() }
    }
    self.read = { value, root throws(InvalidOption) in
      guard Bool(policyValue: value) == true else {
        throw InvalidOption(
          field: key,
          value: value.shown,
          allowed: "a group of settings, or `mode: off` in it"
        )
      }
      root[keyPath: path] = root[keyPath: path] ?? Section()
    }
  }
}

extension PolicyRecord {
  /// A record made in place.
  public static func with(_ change: (inout Self) throws -> Void) rethrows -> Self {
    var record = Self()
    try change(&record)
    return record
  }

  /// Sets one field.
  ///
  /// - Throws: `InvalidOption` if there is no field of this key, or if the value is none of its type.
  public mutating func set(_ key: String, to value: PolicyValue) throws(InvalidOption) {
    guard let field = Self.fields.first(where: { $0.key == key }) else {
      throw InvalidOption(field: key, value: value.shown, allowed: Self.allowedKeys(near: key))
    }
    try field.read(value, &self)
  }

  /// The keys of the section that a wrong key is in.
  private static func allowedKeys(near key: String) -> String {
    let section = key.split(separator: ".").dropLast().joined(separator: ".")
    let near = Self.fields.map(\.key).filter { candidate in
      section.isEmpty ? !candidate.contains(".") : candidate.hasPrefix(section + ".")
    }
    return "one of " + (near.isEmpty ? Self.fields.map(\.key) : near).joined(separator: ", ")
  }

  /// This record, with what it leaves open taken from another one.
  public func filled(from other: Self) -> Self {
    var result = self
    for field in Self.fields where !field.isSet(result) {
      field.copy(other, &result)
    }
    return result
  }
}

extension PolicyValue {
  /// The value as an error shows it.
  var shown: String {
    switch self {
    case .flag(let flag): "\(flag)"
    case .integer(let integer): "\(integer)"
    case .number(let number): "\(number)"
    case .text(let text): "\"\(text)\""
    case .list(let values): "[" + values.map(\.shown).joined(separator: ", ") + "]"
    }
  }
}
