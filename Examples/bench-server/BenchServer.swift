import ArgumentParser
import BenchEcho
import Bulwark
import Logging
import NIOPosix
import ServiceLifecycle
import UnixSignals

#if canImport(Glibc)
import Glibc
#else
import Darwin
#endif

@main
struct BenchServer: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "bench-server",
    abstract: "Serves bench.Echo, for load generators and for suites that attack a server.",
    discussion: """
      Prints `listening on HOST:PORT` when it takes connections. SIGTERM and SIGINT stop it: calls in flight \
      may finish within five seconds. Requests are decoded and responses encoded, as in any service.
      """
  )

  @Option(
    help: "Where to listen: HOST:PORT (port 0 for any free one) or unix:PATH.",
    transform: { try Endpoint(argument: $0) }
  )
  var listen: Endpoint

  @Option(help: "How many event loops share the connections; by default one for each core.")
  var threads: Int?

  @Option(
    help: "How many unary methods there are: bench.Echo/Unary, and bench.Many/Unary1, Unary2 and so on."
  )
  var methods = 1

  @Option(
    help: """
      none, all (breaker, limiter and bulkhead before every call, set so high that nothing is rejected), or closed (a \
      limiter before Unary that rejects nearly everything).
      """
  )
  var policies: PolicyChoice = .none

  @Option(help: ArgumentHelp("Speak TLS with this certificate chain in PEM.", valueName: "FILE"))
  var tlsCert: String?

  @Option(help: ArgumentHelp("The key of that certificate in PEM.", valueName: "FILE"))
  var tlsKey: String?

  enum PolicyChoice: String, ExpressibleByArgument, CaseIterable {
    case none
    case all
    case closed

    var annotations: PolicySet? {
      switch self {
      case .none: nil
      case .all:
        PolicySet {
          Calls.all.timeout(.seconds(60)).circuitBreaker().rateLimit(1e9, burst: 1_000_000).bulkhead(10_000)
        }
      case .closed: PolicySet { Calls(to: EchoMethods.unary).rateLimit(1, burst: 1) }
      }
    }
  }

  func validate() throws {
    guard (self.threads ?? 1) > 0 else { throw ValidationError("--threads must be at least 1") }
    guard (self.tlsCert == nil) == (self.tlsKey == nil) else {
      throw ValidationError("--tls-cert and --tls-key belong together")
    }
    guard self.methods > 0 else { throw ValidationError("--methods must be at least 1") }
  }

  func run() async throws {
    var configuration = ServerConfiguration()
    configuration.gracefulShutdownTimeout = .seconds(5)
    if let chain = self.tlsCert, let key = self.tlsKey {
      configuration.tls = ServerTLS(
        try TLSCredentials(certificateChain: .file(chain), privateKey: .file(key), trustRoots: .system)
      )
    }
    let server = Server(
      listening: self.listen,
      configuration: configuration,
      eventLoopGroup: self.threads.map { MultiThreadedEventLoopGroup(numberOfThreads: $0) } ?? .singleton,
      policies: try self.policies.annotations.map { try Policies(code: $0) }
    ) {
      EchoService()
      ManyMethods(count: self.methods - 1)
    }
    let services = ServiceGroup(
      services: [server],
      gracefulShutdownSignals: [.sigterm, .sigint],
      logger: Logger(label: "bench-server")
    )
    try await withThrowingTaskGroup(of: Void.self) { tasks in
      tasks.addTask { try await services.run() }
      print("listening on \(try await server.listeningEndpoint)")
      // A pipe is buffered, and whoever started this program waits for the line.
      fflush(nil)
      try await tasks.waitForAll()
    }
  }
}

extension Endpoint {
  init(argument: String) throws {
    guard let endpoint = Endpoint(argument) else {
      throw ValidationError("'\(argument)' is neither HOST:PORT nor unix:PATH")
    }
    self = endpoint
  }
}
