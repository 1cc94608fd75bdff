import ArgumentParser
import Bulwark
import Logging

/// The certificates of a node; without them it speaks plaintext. The files are read again each minute.
struct TLSOptions: ParsableArguments {
  @Option(help: ArgumentHelp("Speak TLS with this certificate chain in PEM.", valueName: "FILE"))
  var tlsCert: String?

  @Option(help: ArgumentHelp("The key of that certificate in PEM.", valueName: "FILE"))
  var tlsKey: String?

  @Option(help: ArgumentHelp("Let only clients in whose certificate is of these roots.", valueName: "FILE"))
  var tlsCA: String?

  func validate() throws {
    guard (self.tlsCert == nil) == (self.tlsKey == nil), self.tlsCert != nil || self.tlsCA == nil else {
      throw ValidationError("--tls-cert and --tls-key belong together, and --tls-ca needs both.")
    }
  }

  var clients: ClientVerification { self.tlsCA == nil ? .none : .required }

  /// Nil for plaintext.
  func credentials(logger: Logger) throws -> TLSCredentials? {
    guard let chain = self.tlsCert, let key = self.tlsKey else { return nil }
    return try TLSCredentials(
      certificateChain: .file(chain),
      privateKey: .file(key),
      trustRoots: self.tlsCA.map { .pem(.file($0)) } ?? .system,
      reloadInterval: .seconds(60),
      logger: logger
    )
  }
}
