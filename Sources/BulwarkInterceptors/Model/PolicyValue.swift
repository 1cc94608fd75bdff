public import BulwarkCore

/// A value as a configuration source gives it, before a policy's field has made it its own type.
public enum PolicyValue: Hashable, Sendable {
  case flag(Bool)
  case integer(Int)
  case number(Double)
  case text(String)
  case list([PolicyValue])
}

/// A type that a policy's field can have: how it is read, and how it is shown.
public protocol PolicyFieldValue: Hashable, Sendable {
  /// What a person may write, for errors: `a duration such as "250ms"`.
  static var allowed: String { get }

  /// The value, or nil if it is none of this type.
  init?(policyValue: PolicyValue)

  /// The value as a person would write it.
  var policyText: String { get }
}

extension Bool: PolicyFieldValue {
  public static var allowed: String { "true or false" }

  public init?(policyValue: PolicyValue) {
    switch policyValue {
    case .flag(let flag): self = flag
    case .text("true"): self = true
    case .text("false"): self = false
    default: return nil
    }
  }

  public var policyText: String { "\(self)" }
}

extension Int: PolicyFieldValue {
  public static var allowed: String { "a whole number" }

  public init?(policyValue: PolicyValue) {
    switch policyValue {
    case .integer(let integer): self = integer
    case .number(let number):
      guard let exact = Int(exactly: number) else { return nil }
      self = exact
    case .text(let text):
      guard let integer = Int(text) else { return nil }
      self = integer
    default: return nil
    }
  }

  public var policyText: String { "\(self)" }
}

extension Double: PolicyFieldValue {
  public static var allowed: String { "a number" }

  public init?(policyValue: PolicyValue) {
    switch policyValue {
    case .integer(let integer): self = Double(integer)
    case .number(let number): self = number
    case .text(let text):
      guard let number = Double(text) else { return nil }
      self = number
    default: return nil
    }
  }

  public var policyText: String {
    Int(exactly: self).map { "\($0)" } ?? "\(self)"
  }
}

extension String: PolicyFieldValue {
  public static var allowed: String { "a text that is not empty" }

  public init?(policyValue: PolicyValue) {
    guard case .text(let text) = policyValue, !text.isEmpty else { return nil }
    self = text
  }

  public var policyText: String { self }
}

/// Status codes, as a policy's field names them.
public struct StatusCodes: PolicyFieldValue, ExpressibleByArrayLiteral {
  public static var allowed: String { "a list of status codes such as UNAVAILABLE or 14" }

  /// The codes, in the order in which they were given.
  public var codes: [StatusCode]

  /// These codes.
  public init(_ codes: [StatusCode]) {
    self.codes = codes
  }

  public init(arrayLiteral elements: StatusCode...) {
    self.init(elements)
  }

  public init?(policyValue: PolicyValue) {
    switch policyValue {
    case .list(let values):
      var codes: [StatusCode] = []
      for value in values {
        guard let code = StatusCode(policyValue: value) else { return nil }
        codes.append(code)
      }
      self.init(codes)
    case .text(let text):
      // What an environment variable can say.
      self.init(policyValue: .list(text.split(separator: ",").map { .text(String($0)) }))
    case .integer, .number:
      self.init(policyValue: .list([policyValue]))
    case .flag:
      return nil
    }
  }

  public var policyText: String { self.codes.map(\.description).joined(separator: ",") }

  /// Whether the code is one of these.
  public func contains(_ code: StatusCode) -> Bool { self.codes.contains(code) }
}

extension StatusCode {
  /// A code by its name in any case, or its number (gRFC A6, "retryableStatusCodes").
  fileprivate init?(policyValue: PolicyValue) {
    switch policyValue {
    case .integer, .number:
      guard let number = Int(policyValue: policyValue), (0...16).contains(number) else { return nil }
      self.init(wireValue: number)
    case .text(let text):
      let name = text.uppercased().filter { $0 != " " }
      let number = (0...16).first { StatusCode(wireValue: $0).description == name } ?? Int(name)
      guard let number, (0...16).contains(number) else { return nil }
      self.init(wireValue: number)
    case .flag, .list:
      return nil
    }
  }
}
