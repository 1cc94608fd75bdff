/// Why certificates, a private key or trust roots cannot be used.
public struct TLSCredentialsError: Error, Hashable, Sendable, CustomStringConvertible {
  /// One sentence that names what is wrong and where it was found.
  public let description: String

  init(_ description: String) {
    self.description = description
  }
}
