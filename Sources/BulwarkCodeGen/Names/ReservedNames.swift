/// The names that generated declarations may not have as they are.
enum ReservedNames {
  /// Words that stand as an identifier in backticks only, now or in some place.
  private static let keywords: Set<String> = [
    "actor", "any", "as", "associatedtype", "async", "await", "borrowing", "break", "case", "catch", "class",
    "consuming", "continue", "default", "defer", "deinit", "do", "each", "else", "enum", "extension",
    "fallthrough", "false", "fileprivate", "for", "func", "guard", "if", "import", "in", "inout", "internal",
    "is",
    "let", "macro", "nil", "nonisolated", "open", "operator", "package", "precedencegroup", "private",
    "protocol",
    "public", "repeat", "rethrows", "return", "some", "static", "struct", "subscript", "super", "switch",
    "throw",
    "throws", "true", "try", "typealias", "var", "where", "while", "yield",
  ]

  /// Names of members that Swift gives a meaning to, with or without backticks.
  private static let special: Set<String> = ["init", "self", "Self", "Type", "Protocol", "Any", "_"]

  /// Members that every generated message has.
  private static let messageMembers: Set<String> = ["hashValue", "protobufSchemas", "unknownFields"]

  /// Members that every generated enumeration has.
  private static let enumMembers: Set<String> = ["hashValue", "rawValue", "stored", "unrecognized"]

  /// Members of the enumeration of a service's methods that are none.
  private static let methodsMembers: Set<String> = ["policies"]

  /// Types that generated code names without their module.
  private static let types: Set<String> = [
    "Bool", "BulwarkCore", "BulwarkInterceptors", "BulwarkProtobuf", "Double", "Float", "Hashable", "Int32",
    "Int64", "Sendable",
    "String", "Swift", "SwiftProtobuf", "UInt32", "UInt64", "UInt8",
  ]

  /// The name of a property.
  static func property(_ name: String) -> String {
    self.special.contains(name) || self.messageMembers.contains(name) ? name + "_" : name
  }

  /// The name of an enumeration's case.
  static func enumCase(_ name: String) -> String {
    self.special.contains(name) || self.enumMembers.contains(name) ? name + "_" : name
  }

  /// The name of a method.
  static func method(_ name: String) -> String {
    self.special.contains(name) || self.methodsMembers.contains(name) ? name + "_" : name
  }

  /// Whether a type of this name would hide one that generated code needs, or cannot be declared.
  static func isReservedType(_ name: String) -> Bool {
    self.types.contains(name) || self.special.contains(name)
  }

  /// The name as it is written in source.
  static func quoted(_ name: String) -> String {
    self.keywords.contains(name) ? "`\(name)`" : name
  }
}
