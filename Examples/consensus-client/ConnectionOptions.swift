import ArgumentParser
import Bulwark
import ConsensusService

/// What every subcommand takes.
struct ConnectionOptions: ParsableArguments {
  @Option(help: "The node: HOST:PORT or unix:PATH.", transform: { try Endpoint(argument: $0) })
  var target: Endpoint

  @Option(help: "The seconds that the whole command may take; without it streams go on until they end.")
  var timeout: Double?

  @Flag(help: "Print JSON, one object per line.")
  var json = false

  @Option(help: ArgumentHelp("Speak TLS with a node whose certificate is of these roots.", valueName: "FILE"))
  var tlsCA: String?

  @Option(help: ArgumentHelp("With --tls-ca: the certificate chain to show, in PEM.", valueName: "FILE"))
  var tlsCert: String?

  @Option(help: ArgumentHelp("The key of that certificate in PEM.", valueName: "FILE"))
  var tlsKey: String?

  @Option(help: "The chain's name, which mock keys are derived from.")
  var chainID = "bulwark-demo"

  func validate() throws {
    if let timeout, !(timeout > 0 && timeout <= 86_400) {
      throw ValidationError("--timeout must be above 0 and at most 86400 seconds.")
    }
    guard (self.tlsCert == nil) == (self.tlsKey == nil), self.tlsCA != nil || self.tlsCert == nil else {
      throw ValidationError("--tls-cert and --tls-key belong together, and need --tls-ca.")
    }
  }

  /// The deadline of each unary call: 5 s unless another was asked for.
  var unaryTimeout: Duration { .seconds(self.timeout ?? 5) }

  /// The deadline of a stream, if any.
  var streamTimeout: Duration? { self.timeout.map { .seconds($0) } }

  var output: Output { Output(isJSON: self.json) }

  /// Reads a stream that goes on for ever: running out of the time that was asked for is how it ends.
  func untilTimeout(_ body: () async throws -> Void) async throws {
    do {
      try await body()
    } catch let error as RPCError where error.code == .deadlineExceeded && self.timeout != nil {
      return
    }
  }

  /// Nil for plaintext.
  private func credentials() throws -> TLSCredentials? {
    guard let roots = self.tlsCA.map({ TrustRoots.pem(.file($0)) }) else { return nil }
    guard let chain = self.tlsCert, let key = self.tlsKey else {
      return try TLSCredentials(trustRoots: roots)
    }
    return try TLSCredentials(certificateChain: .file(chain), privateKey: .file(key), trustRoots: roots)
  }

  /// Connects for as long as `body` runs. A failed call is printed, and ends the command with code 1.
  func withNode(_ body: (NodeView) async throws -> Void) async throws {
    try await self.withClient { client in
      let node = NodeView(
        service: ConsensusServiceClient(client),
        chainID: self.chainID,
        timeout: self.unaryTimeout
      )
      try await body(node)
    }
  }

  /// The same for another service than the node's own.
  func withClient(_ body: (Client) async throws -> Void) async throws {
    var configuration = ClientConfiguration()
    configuration.tls = try self.credentials().map { ClientTLS($0) }
    let client = Client(to: self.target, configuration: configuration)
    do {
      try await body(client)
      await client.close()
    } catch let error as RPCError {
      self.output.fail(error)
      throw ExitCode.failure
    }
  }
}

extension Endpoint {
  fileprivate init(argument: String) throws {
    guard let endpoint = Endpoint(argument) else {
      throw ValidationError("'\(argument)' is neither HOST:PORT nor unix:PATH.")
    }
    self = endpoint
  }
}
