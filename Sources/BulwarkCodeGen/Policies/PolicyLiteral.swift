/// A value as an annotation in a .proto file has it.
package enum PolicyLiteral: Hashable, Sendable {
  case flag(Bool)
  case integer(UInt64)
  case number(Double)
  case text(String)
  /// A text that is a duration.
  case duration(String)
  /// An enumerator, by its name in the .proto file.
  case choice(String)
  case choices([String])

  /// The Swift expression.
  var expression: String {
    switch self {
    case .flag(let flag): "\(flag)"
    case .integer(let integer): "\(integer)"
    case .number(let number): "\(number)"
    case .text(let text): text.debugDescription
    case .duration(let text): DurationLiteral(text)?.expression ?? text.debugDescription
    case .choice(let name): Self.enumerator(name)
    case .choices(let names): "[\(names.map(Self.enumerator).joined(separator: ", "))]"
    }
  }

  /// The Swift name of an enumerator.
  private static func enumerator(_ name: String) -> String {
    "." + (self.irregularNames[name] ?? Casing.lowerCamel(name))
  }

  /// Enumerators that Swift does not call what the rule says.
  private static let irregularNames = ["ADAPTIVE_LIFO": "adaptiveLIFO", "INTERNAL": "internalError"]
}
