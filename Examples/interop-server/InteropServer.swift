import ArgumentParser
import Bulwark
import GRPCTesting
import Logging
import ServiceLifecycle
import UnixSignals

#if canImport(Glibc)
import Glibc
#else
import Darwin
#endif

/// The interop server of gRPC, with the flags that all of its implementations have.
@main
struct InteropServer: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "interop-server",
    abstract: "Serves grpc.testing.TestService, which gRPC's interop clients judge.",
    discussion: """
      Prints `listening on HOST:PORT` when it takes connections. SIGTERM and SIGINT stop it: calls in flight \
      may finish within five seconds.
      """
  )

  @Option(name: .customLong("port"), help: "Where to listen; 0 takes a free port.")
  var port: UInt16

  @Option(name: .customLong("host"), help: "The address to listen on.")
  var host = "127.0.0.1"

  @Option(
    name: .customLong("use_tls"),
    help: "Whether to speak TLS; then a certificate and its key are needed."
  )
  var useTLS = false

  @Option(
    name: .customLong("max_concurrent_streams"),
    help: "How many streams a connection may have; a few for max_concurrent_streams_connection_scaling."
  )
  var maxConcurrentStreams: Int?

  @Option(name: .customLong("tls_cert_file"), help: "The certificate chain in PEM.")
  var certificate: String?

  @Option(name: .customLong("tls_key_file"), help: "The key of that certificate in PEM.")
  var key: String?

  static func main() async {
    await self.main(
      SwitchArguments.completed(Array(CommandLine.arguments.dropFirst()), switches: ["--use_tls"])
    )
  }

  func run() async throws {
    var configuration = ServerConfiguration()
    configuration.gracefulShutdownTimeout = .seconds(5)
    configuration.tls = try self.tls()
    if let maxConcurrentStreams { configuration.http2.maxConcurrentStreams = maxConcurrentStreams }
    let load = LoadReporter()
    let server = Server(
      listening: .tcp(host: self.host, port: Int(self.port)),
      configuration: configuration
    ) {
      InteropTestService(load: load)
      // The case asks for a report every second.
      LoadReportService(load, minimumInterval: .seconds(1))
    }
    let services = ServiceGroup(
      services: [server],
      gracefulShutdownSignals: [.sigterm, .sigint],
      logger: Logger(label: "interop-server")
    )
    try await withThrowingTaskGroup(of: Void.self) { tasks in
      tasks.addTask { try await services.run() }
      print("listening on \(try await server.listeningEndpoint)")
      // A pipe is buffered, and whoever started this program waits for the line.
      fflush(nil)
      try await tasks.waitForAll()
    }
  }

  /// Nil for plaintext.
  private func tls() throws -> ServerTLS? {
    guard self.useTLS else { return nil }
    guard let certificate = self.certificate, let key = self.key else {
      throw ValidationError("--use_tls needs --tls_cert_file and --tls_key_file")
    }
    return ServerTLS(
      try TLSCredentials(certificateChain: .file(certificate), privateKey: .file(key), trustRoots: .system)
    )
  }
}
