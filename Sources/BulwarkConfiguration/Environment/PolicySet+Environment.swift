public import BulwarkCore
public import BulwarkInterceptors

extension PolicySet {
  /// The name of the source that environment variables are.
  public static let environmentSource = "environment"

  /// Reads the policies of environment variables; all others are left alone.
  ///
  /// A variable's name is `BULWARK_POLICY`, what it is for, and the key, joined by two underscores, in capitals, with an
  /// underscore for whatever an environment's names cannot have:
  /// `BULWARK_POLICY__CONSENSUS_V1_CONSENSUSSERVICE__SUBMITVOTE__RATE_LIMIT__RATE` for a method,
  /// `BULWARK_POLICY__CONSENSUS_V1_CONSENSUSSERVICE__TIMEOUT` for a service, `BULWARK_POLICY__ALL__TIMEOUT` for all.
  ///
  /// Capitals and underscores say less than the names that they stand for, so a variable is for those methods that are
  /// known, and is an error if it could be for two of them.
  ///
  /// - Parameters:
  ///   - environment: The variables: `.processEnvironment` for those of this process.
  ///   - selectors: What variables can be for, beside all methods: see ``selectors(of:)``.
  /// - Throws: ``ConfigurationError`` with every variable that begins with `BULWARK_POLICY__` and is for nothing that is
  ///   known, or has a value that is not allowed.
  public init(environment: [String: String], selectors: some Sequence<PolicySelector>)
    throws(ConfigurationError)
  {
    var annotations = Annotations(source: Self.environmentSource)
    let names = VariableNames(selectors: selectors)
    let variables = environment.filter { $0.key.hasPrefix(VariableNames.prefix) }
    for (variable, text) in variables.sorted(by: { $0.key < $1.key }) {
      let meanings = names.meanings(of: variable)
      guard let meaning = meanings.first else {
        annotations.report(line: nil, path: variable, names.reasonAgainst(variable))
        continue
      }
      guard meanings.count == 1 else {
        let reason =
          "could be any of \(meanings.map(\.description).joined(separator: " and ")); set it in a file"
        annotations.report(line: nil, path: variable, reason)
        continue
      }
      if annotations.annotations[meaning.selector] == nil {
        _ = annotations.begin(meaning.selector, path: variable, line: nil)
      }
      let place = Annotations.Place(path: variable, line: nil, value: "\"\(text)\"")
      annotations.set(meaning.key, to: .text(text), for: meaning.selector, at: place)
    }
    self = try annotations.finished()
  }

  /// What variables and files can name: each of the methods, and each of their services.
  public static func selectors(of methods: [MethodDescriptor]) -> Set<PolicySelector> {
    methods.selectors
  }
}

/// The names of variables, and what they mean.
private struct VariableNames {
  static let prefix = "BULWARK_POLICY__"

  struct Meaning: Hashable, CustomStringConvertible {
    let selector: PolicySelector
    let key: String

    var description: String { "\(self.selector) \(self.key)" }
  }

  private let selectors: [(name: String, selector: PolicySelector)]
  private static let keys = MethodPolicy.fields.map(\.key)

  init(selectors: some Sequence<PolicySelector>) {
    self.selectors = Set(selectors).union([.all])
      .map { (name: Self.name(of: $0), selector: $0) }
      .sorted { ($0.name, $0.selector.description) < ($1.name, $1.selector.description) }
  }

  /// Everything that a variable could be for.
  func meanings(of variable: String) -> [Meaning] {
    let rest = variable.dropFirst(Self.prefix.count)
    return self.selectors.flatMap { name, selector -> [Meaning] in
      guard rest.hasPrefix(name + "__") else { return [] }
      let written = rest.dropFirst(name.count + 2)
      return Self.keys.filter { Self.name(ofKey: $0) == written }.map { Meaning(selector: selector, key: $0) }
    }
  }

  /// Why a variable means nothing: its selector or its key.
  func reasonAgainst(_ variable: String) -> String {
    let rest = String(variable.dropFirst(Self.prefix.count))
    let longest = self.selectors.filter { rest.hasPrefix($0.name + "__") }.max {
      $0.name.count < $1.name.count
    }
    guard let longest else {
      let names = self.selectors.map(\.name).joined(separator: ", ")
      return "is for no method that is known; allowed after \(Self.prefix): one of \(names)"
    }
    let written = String(rest.dropFirst(longest.name.count + 2))
    let section = written.contains("__") ? String(written.prefix(upTo: written.sectionEnd)) : ""
    let keys = Self.keys.map(Self.name(ofKey:))
      .filter { section.isEmpty ? !$0.contains("__") : $0.hasPrefix(section + "__") }
    let near = keys.isEmpty ? Self.keys.map(Self.name(ofKey:)).filter { !$0.contains("__") } : keys
    return "has no such key of \(longest.selector); allowed: \(near.joined(separator: ", "))"
  }

  private static func name(of selector: PolicySelector) -> String {
    switch selector {
    case .all: "ALL"
    case .service(let service): Self.capitals(service)
    case .method(let service, let method): Self.capitals(service) + "__" + Self.capitals(method)
    }
  }

  private static func name(ofKey key: String) -> String {
    key.split(separator: ".").map { Self.capitals(String($0)) }.joined(separator: "__")
  }

  private static func capitals(_ name: String) -> String {
    String(name.uppercased().map { $0.isASCII && ($0.isLetter || $0.isNumber) ? $0 : "_" })
  }
}

extension String {
  /// Where the first part of a name ends, before its two underscores.
  fileprivate var sectionEnd: String.Index {
    var index = self.startIndex
    while index < self.endIndex, !self[index...].hasPrefix("__") { index = self.index(after: index) }
    return index
  }
}
