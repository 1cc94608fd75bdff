import BulwarkCore
import BulwarkInterceptors

/// What is printed: the methods in the order of their names, with what is set for each.
struct ShownPolicies: Encodable {
  struct Method: Encodable {
    let method: String
    let values: [Value]
  }

  struct Value: Encodable {
    let key: String
    let value: String
    let source: String
    let selector: String
  }

  let methods: [Method]

  init(_ policies: [EffectivePolicy]) {
    self.methods =
      policies
      .map { policy in
        Method(method: policy.method.description, values: policy.lines.map(Value.init))
      }
      .sorted { $0.method < $1.method }
  }

  /// A block for each method: its name, then `key = value` and the origin in columns.
  var table: String {
    let width = self.methods.flatMap(\.values).map(\.setting.count).max() ?? 0
    return self.methods
      .map { method in
        let rows = method.values.map { value in
          let padding = String(repeating: " ", count: width - value.setting.count)
          return "  \(value.setting)\(padding)  \(value.source) (\(value.selector))"
        }
        return ([method.method] + (rows.isEmpty ? ["  nothing"] : rows)).joined(separator: "\n")
      }
      .joined(separator: "\n\n")
  }
}

extension ShownPolicies.Value {
  fileprivate init(_ line: (key: String, value: String, origin: EffectivePolicy.Origin)) {
    self.key = line.key
    self.value = line.value
    self.source = line.origin.source
    self.selector = line.origin.selector.description
  }

  fileprivate var setting: String { "\(self.key) = \(self.value)" }
}
