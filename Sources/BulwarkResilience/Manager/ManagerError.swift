/// Why a ``ResilienceManager`` did not do what it was asked.
public enum ManagerError: Error, Hashable, Sendable, CustomStringConvertible {
  /// A policy of this kind and name is there already, with other settings. Both are given as text.
  case nameTaken(kind: PolicyKind, name: String, existing: String, given: String)
  /// There is no policy of this kind and name.
  case unknown(kind: PolicyKind, name: String)
  /// An option is out of range.
  case invalidOption(kind: PolicyKind, name: String, InvalidOption)

  public var description: String {
    switch self {
    case .nameTaken(let kind, let name, let existing, let given):
      "\(kind.rawValue) \"\(name)\" is registered already, with \(existing); it was now asked for with \(given)"
    case .unknown(let kind, let name):
      "there is no \(kind.rawValue) named \"\(name)\""
    case .invalidOption(let kind, let name, let option):
      "\(kind.rawValue) \"\(name)\": \(option)"
    }
  }
}
