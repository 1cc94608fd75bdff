import BulwarkInterceptors
import Yams

extension DocumentNode {
  /// How many parts a document may have, those that aliases repeat counted each time.
  static let maxNodes = 100_000
  /// How deep lists and groups may nest.
  static let maxDepth = 32

  /// Reads a document. JSON is read as the YAML that it is, so that its parts have lines too.
  ///
  /// - Throws: ``ConfigurationError`` if the text is no such document, says nothing, or names a key of a group twice.
  static func parse(_ text: String, source: String) throws(ConfigurationError) -> DocumentNode {
    let root: Node?
    do {
      root = try Parser(yaml: text).singleRoot()
    } catch {
      throw ConfigurationError([ConfigurationProblem(error, source: source)])
    }
    guard let root else {
      let reason = "the file is empty"
      throw ConfigurationError([ConfigurationProblem(source: source, line: nil, path: "", reason: reason)])
    }
    var budget = Self.maxNodes
    return try DocumentNode(root, depth: 0, budget: &budget, source: source)
  }

  private init(_ node: Node, depth: Int, budget: inout Int, source: String) throws(ConfigurationError) {
    func refuse(_ reason: String) -> ConfigurationError {
      ConfigurationError([
        ConfigurationProblem(source: source, line: node.mark?.line, path: "", reason: reason)
      ])
    }
    budget -= 1
    guard budget >= 0 else { throw refuse("the document has more than \(Self.maxNodes) parts") }
    guard depth <= Self.maxDepth else { throw refuse("the document nests deeper than \(Self.maxDepth)") }
    self.line = node.mark?.line ?? 1
    switch node {
    case .scalar(let scalar):
      self.content = scalar.isNull ? .null : .value(scalar.policyValue)
    case .sequence(let sequence):
      var elements: [DocumentNode] = []
      for element in sequence {
        elements.append(try DocumentNode(element, depth: depth + 1, budget: &budget, source: source))
      }
      self.content = .list(elements)
    case .mapping(let mapping):
      var entries: [Entry] = []
      for (key, value) in mapping {
        guard let scalar = key.scalar else { throw refuse("a key is a list or a group; allowed: a text") }
        let node = try DocumentNode(value, depth: depth + 1, budget: &budget, source: source)
        entries.append(Entry(key: scalar.string, line: scalar.mark?.line ?? self.line, node: node))
      }
      self.content = .map(entries)
    case .alias:
      // The parser puts the node of its anchor in the place of an alias.
      throw refuse("an alias stands for nothing")
    }
  }
}

extension Node.Scalar {
  /// YAML's core schema, and not what the parser itself would resolve: there `off`, which a mode can be, is a boolean.
  fileprivate var isNull: Bool {
    self.style == .plain && ["", "~", "null", "Null", "NULL"].contains(self.string)
  }

  fileprivate var policyValue: PolicyValue {
    guard self.style == .plain else { return .text(self.string) }
    switch self.string {
    case "true", "True", "TRUE": return .flag(true)
    case "false", "False", "FALSE": return .flag(false)
    default: break
    }
    if let integer = Int(self.string) { return .integer(integer) }
    guard let first = self.string.unicodeScalars.first, "+-.0123456789".unicodeScalars.contains(first),
      let number = Double(self.string), number.isFinite
    else { return .text(self.string) }
    return .number(number)
  }
}

extension ConfigurationProblem {
  /// What the parser found wrong.
  fileprivate init(_ error: any Error, source: String) {
    let line: Int?
    let reason: String
    switch error {
    case YamlError.scanner(_, let problem, let mark, _), YamlError.parser(_, let problem, let mark, _),
      YamlError.composer(_, let problem, let mark, _):
      (line, reason) = (mark.line, problem)
    case YamlError.duplicatedKeysInMapping(let keys, let context):
      let names = keys.map { "\"\($0)\"" }.joined(separator: ", ")
      (line, reason) = (context.mark.line, "\(names) is there twice; allowed: each key once")
    case YamlError.reader(let problem, _, _, _):
      (line, reason) = (nil, problem)
    default:
      (line, reason) = (nil, "\(error)")
    }
    self.init(source: source, line: line, path: "", reason: reason)
  }
}
