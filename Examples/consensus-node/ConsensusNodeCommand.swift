import ArgumentParser
import Bulwark
import ConsensusService
import Logging
import NIOPosix
import ServiceLifecycle
import UnixSignals

@main
struct ConsensusNodeCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "consensus-node",
    abstract: "Runs a validator's node over an in-memory chain, until SIGTERM or SIGINT."
  )

  @Option(
    help: "Where to listen: HOST:PORT (port 0 takes any free one) or unix:PATH.",
    transform: { try Endpoint(argument: $0) }
  )
  var listen: Endpoint = .tcp(host: "127.0.0.1", port: 0)

  @Option(help: "How many event loops serve connections.")
  var threads = 1

  @Option(help: "The chain's name. Nodes and clients of one chain must agree on it.")
  var chainID = "bulwark-demo"

  @Option(help: "How many validators the genesis has, with mock keys and 10 power each.")
  var validators: UInt32 = 4

  @Flag(help: "Decide blocks alone: propose and vote for every validator of the genesis.")
  var auto = false

  @Option(help: "With --auto: the milliseconds between two blocks.")
  var interval: UInt32 = 1_000

  func validate() throws {
    guard (1...64).contains(self.threads) else { throw ValidationError("--threads must be 1 to 64.") }
    guard (1...1_024).contains(self.validators) else {
      throw ValidationError("--validators must be 1 to 1024.")
    }
    guard self.interval >= 1 else { throw ValidationError("--interval must be at least 1.") }
  }

  func run() async throws {
    LoggingSystem.bootstrap(StreamLogHandler.standardError)
    let logger = Logger(label: "consensus-node")
    let genesis = Genesis.mock(chainID: self.chainID, validators: self.validators)
    let node = ConsensusNode(genesis: genesis)
    let server = Server(
      listening: self.listen,
      eventLoopGroup: MultiThreadedEventLoopGroup(numberOfThreads: self.threads)
    ) {
      node.service
      HealthService()
      ReflectionService()
    }
    var services: [any Service] = [server, Announcement(server: server), StreamStopper(node: node)]
    if self.auto {
      services.append(
        AutomaticCommittee(node: node, interval: .milliseconds(self.interval), logger: logger)
      )
    }
    let group = ServiceGroup(
      configuration: ServiceGroupConfiguration(
        services: services.map { .init(service: $0) },
        gracefulShutdownSignals: [.sigterm, .sigint],
        logger: logger
      )
    )
    try await group.run()
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
