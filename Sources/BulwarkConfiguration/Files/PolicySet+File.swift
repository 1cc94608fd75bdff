public import BulwarkCore
public import BulwarkInterceptors

extension PolicySet {
  /// Reads the policies of a configuration file.
  ///
  /// The document is a group `policies` of selectors (`*`, `package.Service`, `package.Service/Method`), each with the
  /// keys of a `MethodPolicy`. See <doc:Configuration>.
  ///
  /// - Parameters:
  ///   - text: YAML or JSON.
  ///   - source: The name that the values are shown to come from: the file's.
  ///   - methods: The methods that there are, if they are known. A selector that names none of them is then an error.
  /// - Throws: ``ConfigurationError`` with everything that is wrong: what cannot be parsed, keys and selectors that
  ///   there are not or that are there twice, values of a wrong type or out of range.
  public init(configuration text: String, source: String, methods: [MethodDescriptor]? = nil)
    throws(ConfigurationError)
  {
    let root = try DocumentNode.parse(text, source: source)
    var reader = PolicyFileReader(source: source, methods: methods)
    reader.read(root)
    self = try reader.annotations.finished()
  }
}

/// Walks through the document of a policy file.
private struct PolicyFileReader {
  var annotations: Annotations
  let methods: Set<PolicySelector>?

  /// The keys that stand for groups of others.
  private static let sections = Set(MethodPolicy.fields.compactMap(\.section))

  init(source: String, methods: [MethodDescriptor]?) {
    self.annotations = Annotations(source: source)
    self.methods = methods.map(\.selectors)
  }

  mutating func read(_ root: DocumentNode) {
    guard let entries = root.entries else {
      self.report(root.line, "", "the document is \(root.shown); allowed: a group with the key policies")
      return
    }
    for entry in entries where entry.key != "policies" {
      self.report(entry.line, entry.key, "is no key; allowed: policies")
    }
    guard let policies = entries.first(where: { $0.key == "policies" }) else {
      self.report(root.line, "policies", "is not there; allowed: a group of selectors, {} for none")
      return
    }
    guard let selectors = policies.node.entries else {
      let reason = "is \(policies.node.shown); allowed: a group of selectors, {} for none"
      self.report(policies.line, "policies", reason)
      return
    }
    for entry in selectors { self.readSelector(entry) }
  }

  private mutating func readSelector(_ entry: DocumentNode.Entry) {
    let path = "policies.\"\(entry.key)\""
    guard let selector = PolicySelector(entry.key) else {
      let reason = "is no selector; allowed: *, package.Service or package.Service/Method"
      self.report(entry.line, path, reason)
      return
    }
    if let methods, selector != .all, !methods.contains(selector) {
      let near = Spelling.nearest(to: entry.key, among: methods.map(\.description))
      let hint = near.map { ", such as \($0)" } ?? ""
      self.report(entry.line, path, "names no method that there is; allowed: one that is served\(hint)")
      return
    }
    guard self.annotations.begin(selector, path: path, line: entry.line) else { return }
    guard let fields = entry.node.entries else {
      self.report(entry.line, path, "is \(entry.node.shown); allowed: a group of settings")
      return
    }
    for field in fields { self.readField(field, of: selector, in: path) }
  }

  private mutating func readField(
    _ entry: DocumentNode.Entry,
    of selector: PolicySelector,
    in path: String
  ) {
    let path = "\(path).\(entry.key)"
    guard Self.sections.contains(entry.key) else {
      self.setValue(entry.key, entry.node, selector, path: path, line: entry.line)
      return
    }
    guard let fields = entry.node.entries, !fields.isEmpty else {
      self.setSection(entry, selector, path: path)
      return
    }
    for field in fields {
      let key = "\(entry.key).\(field.key)"
      self.setValue(key, field.node, selector, path: "\(path).\(field.key)", line: field.line)
    }
  }

  /// `bulkhead: {}` and `bulkhead: true` are the policy with nothing but defaults.
  private mutating func setSection(
    _ entry: DocumentNode.Entry,
    _ selector: PolicySelector,
    path: String
  ) {
    switch entry.node.content {
    case .map, .value(.flag(true)):
      let place = Annotations.Place(path: path, line: entry.line, value: entry.node.shown)
      self.annotations.set(entry.key, to: .flag(true), for: selector, at: place)
    default:
      let allowed = "a group of settings, {} for the defaults, or { mode: off }"
      self.report(entry.line, path, "is \(entry.node.shown); allowed: \(allowed)")
    }
  }

  private mutating func setValue(
    _ key: String,
    _ node: DocumentNode,
    _ selector: PolicySelector,
    path: String,
    line: Int
  ) {
    guard MethodPolicy.fields.contains(where: { $0.key == key }) else {
      self.report(line, path, "is no key; allowed: \(Self.keys(beside: key).joined(separator: ", "))")
      return
    }
    guard let value = node.policyValue else {
      self.report(line, path, "is \(node.shown); allowed: a value")
      return
    }
    let place = Annotations.Place(path: path, line: line, value: node.shown)
    self.annotations.set(key, to: value, for: selector, at: place)
  }

  /// The keys of the group that a wrong key is in, without the group's name, as they are written there.
  private static func keys(beside key: String) -> [String] {
    let section = key.contains(".") ? key.prefix { $0 != "." } + "." : ""
    return MethodPolicy.fields.map(\.key)
      .filter { section.isEmpty ? !$0.contains(".") : $0.hasPrefix(section) }
      .map { String($0.dropFirst(section.count)) }
  }

  private mutating func report(_ line: Int, _ path: String, _ reason: String) {
    self.annotations.report(line: line, path: path, reason)
  }
}

extension PolicyField {
  /// The group that the field is in, if any.
  var section: String? {
    self.key.contains(".") ? String(self.key.prefix { $0 != "." }) : nil
  }
}

extension [MethodDescriptor] {
  /// What names one of the methods, or a service of them.
  var selectors: Set<PolicySelector> {
    Set(self.flatMap { [.service($0.service), .method(service: $0.service, $0.method)] })
  }
}
