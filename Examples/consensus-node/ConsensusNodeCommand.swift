import ArgumentParser
import Bulwark
import BulwarkConfiguration
import BulwarkResilience
import BulwarkTestKit
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

  @OptionGroup var tls: TLSOptions

  @Option(
    help: ArgumentHelp(
      "A YAML or JSON file of policies, which goes before what the .proto declares, and is read again when it changes.",
      valueName: "FILE"
    )
  )
  var policies: String?

  @Flag(help: "Decide blocks alone: propose and vote for every validator of the genesis.")
  var auto = false

  @Option(help: "With --auto: the milliseconds between two blocks.")
  var interval: UInt32 = 1_000

  @Flag(help: "Allow faults on purpose: --mock-fault, x-mock- metadata, and the service MockControl.")
  var mock = false

  @Option(
    help: ArgumentHelp(
      "With --mock: faults from the start, for example 'SubmitVote:fail=0.8,code=INTERNAL,latency=5ms'; repeatable.",
      discussion: """
        METHOD is a method's name, or * for every method without faults of its own. ITEMS are separated by commas: \
        fail=0.8 (the share that fails), code=UNAVAILABLE, next=5 (the next five fail), first=2/3 (the first two of \
        every three fail), latency=5ms or latency=5ms-20ms, hash=1000 (rounds of SHA-256 over 64 KiB before \
        VerifyBlock and VerifyCommit), hang, none.
        """,
      valueName: "METHOD:ITEMS"
    ),
    transform: { try FaultSetting(argument: $0) }
  )
  var mockFault: [FaultSetting] = []

  @Option(
    help:
      "With --mock: draw the faults' chance from this seed, the same for the same calls in the same order."
  )
  var mockSeed: UInt64?

  func validate() throws {
    guard self.mock || self.mockFault.isEmpty else { throw ValidationError("--mock-fault needs --mock.") }
    guard self.mock || self.mockSeed == nil else { throw ValidationError("--mock-seed needs --mock.") }
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
    let faults = try self.faults()
    var configuration = ServerConfiguration()
    let credentials = try self.tls.credentials(logger: logger)
    configuration.tls = credentials.map { ServerTLS($0, clients: self.tls.clients) }
    let policies = try Policies(declared: [ConsensusServiceMethods.policies])
    let server = Server(
      listening: self.listen,
      configuration: configuration,
      eventLoopGroup: MultiThreadedEventLoopGroup(numberOfThreads: self.threads),
      logger: logger,
      policies: policies,
      interceptors: faults.map { [$0] } ?? []
    ) {
      node
      HealthService()
      ReflectionService()
      if let faults { FaultControl(faults) }
    }
    var services: [any Service] = [
      server, Announcement(server: server), EndlessCallStopper(node: node, faults: faults),
    ]
    if let credentials {
      services.append(credentials)
    }
    if let path = self.policies {
      let file = PolicyFile(path: path, methods: nil, logger: logger) {
        try policies.replaceConfiguration(by: [$0])
      }
      // Here for the first time: a node does not start with a file that is wrong.
      try await file.reload()
      services.append(file)
    }
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

  /// The faults that the node starts with; nil without --mock.
  private func faults() throws -> MockFaults? {
    guard self.mock else { return nil }
    let faults = MockFaults(random: self.mockSeed.map { RandomSource(SeededGenerator(seed: $0)) } ?? .system)
    do {
      try faults.set(self.mockFault)
    } catch {
      throw ValidationError("--mock-fault: \(error).")
    }
    return faults
  }
}

extension FaultSetting {
  fileprivate init(argument: String) throws {
    do {
      try self.init(argument)
    } catch {
      throw ValidationError("\(error).")
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
