import BulwarkInterceptors

/// A part of a YAML or JSON document, and where it stands.
struct DocumentNode {
  enum Content {
    /// `null`, `~`, or nothing at all.
    case null
    /// A scalar; never a `PolicyValue.list`.
    case value(PolicyValue)
    case list([DocumentNode])
    case map([Entry])
  }

  /// A key of a map and what it stands for.
  struct Entry {
    let key: String
    let line: Int
    let node: DocumentNode
  }

  let line: Int
  let content: Content

  /// The entries, if it is a map.
  var entries: [Entry]? {
    guard case .map(let entries) = self.content else { return nil }
    return entries
  }

  /// The elements, if it is a list.
  var elements: [DocumentNode]? {
    guard case .list(let elements) = self.content else { return nil }
    return elements
  }

  /// The value for a policy's field: a scalar or a list of scalars.
  var policyValue: PolicyValue? {
    switch self.content {
    case .value(let value): return value
    case .null, .map: return nil
    case .list(let elements):
      var values: [PolicyValue] = []
      for element in elements {
        guard case .value(let value) = element.content else { return nil }
        values.append(value)
      }
      return .list(values)
    }
  }

  /// The part as an error shows it, in no more than a few words.
  var shown: String {
    switch self.content {
    case .null: "nothing"
    case .value(.text(let text)): "\"\(text)\""
    case .value(.flag(let flag)): "\(flag)"
    case .value(.integer(let integer)): "\(integer)"
    case .value(.number(let number)): "\(number)"
    case .value(.list), .list: "a list"
    case .map: "a group"
    }
  }
}
