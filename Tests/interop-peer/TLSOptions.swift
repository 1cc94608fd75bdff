import ArgumentParser
import Bulwark

/// TLS as either peer takes it; without these options it is plaintext.
struct TLSOptions: ParsableArguments {
  @Option(help: ArgumentHelp("This peer's certificate chain in PEM.", valueName: "FILE"))
  var tlsCert: String?

  @Option(help: ArgumentHelp("The key of that certificate in PEM.", valueName: "FILE"))
  var tlsKey: String?

  @Option(
    help: ArgumentHelp(
      "Whom to trust, in PEM. A server that has it requires client certificates.",
      valueName: "FILE"
    )
  )
  var tlsCA: String?

  func validate() throws {
    guard (self.tlsCert == nil) == (self.tlsKey == nil) else {
      throw ValidationError("--tls-cert and --tls-key belong together")
    }
  }

  /// Nil for plaintext.
  func server() throws -> ServerTLS? {
    guard self.tlsCert != nil else { return nil }
    return ServerTLS(try self.credentials(), clients: self.tlsCA == nil ? .none : .required)
  }

  /// Nil for plaintext.
  func client(of serverName: String?) throws -> ClientTLS? {
    guard self.tlsCA != nil else { return nil }
    return ClientTLS(try self.credentials(), serverName: serverName)
  }

  private func credentials() throws -> TLSCredentials {
    let roots = self.tlsCA.map { TrustRoots.pem(.file($0)) } ?? .system
    guard let chain = self.tlsCert, let key = self.tlsKey else {
      return try TLSCredentials(trustRoots: roots)
    }
    return try TLSCredentials(certificateChain: .file(chain), privateKey: .file(key), trustRoots: roots)
  }
}
