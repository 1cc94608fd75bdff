/// Something about the protection of a method that does not do what it is meant to do.
public struct ProtectionFinding: Error, Hashable, Sendable, CustomStringConvertible {
  /// Whether a server refuses to run with it; otherwise it is a warning.
  public var isFatal: Bool
  /// The method.
  public var method: MethodDescriptor
  /// What it is about, why that is wrong, and what would be right.
  public var message: String

  /// A finding.
  public init(isFatal: Bool, method: MethodDescriptor, message: String) {
    self.isFatal = isFatal
    self.method = method
    self.message = message
  }

  public var description: String { "\(self.method): \(self.message)" }
}
