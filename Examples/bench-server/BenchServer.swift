import ArgumentParser
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

  func validate() throws {
    guard (self.threads ?? 1) > 0 else { throw ValidationError("--threads must be at least 1") }
  }

  func run() async throws {
    var configuration = ServerConfiguration()
    configuration.gracefulShutdownTimeout = .seconds(5)
    let server = Server(
      listening: self.listen,
      configuration: configuration,
      eventLoopGroup: self.threads.map { MultiThreadedEventLoopGroup(numberOfThreads: $0) } ?? .singleton
    ) {
      EchoService()
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
