/// Writes what a .proto file annotates a service and its methods with, as a `PolicySet`.
struct PolicyPrinter {
  let policies: ServicePolicies
  let access: String

  /// The name of the .proto file, which operators are shown as the source of a value.
  let source: String

  func write(to source: inout SourceText) {
    source.line("/// The policies that `\(self.source)` gives the methods.")
    let opening = "BulwarkInterceptors.PolicySet(source: \(self.source.debugDescription), ["
    source.block("\(self.access)static let policies = \(opening)", closing: "])") { source in
      for (method, settings) in self.policies.annotations {
        source.block("\(self.selector(of: method)): .with {", closing: "},") { source in
          Self.write(settings, to: &source)
        }
      }
    }
  }

  private func selector(of method: String?) -> String {
    let service = self.policies.service
    return method.map { ".method(service: \"\(service)\", \"\($0)\")" } ?? ".service(\"\(service)\")"
  }

  private static func write(_ settings: [PolicySetting], to source: inout SourceText) {
    for setting in settings {
      switch setting.value {
      case .literal(let literal):
        source.line("$0.\(setting.property) = \(literal.expression)")
      case .section(let settings) where settings.isEmpty:
        source.line("$0.\(setting.property) = .with { _ in }")
      case .section(let settings):
        source.block("$0.\(setting.property) = .with {") { source in Self.write(settings, to: &source) }
      }
    }
  }
}
