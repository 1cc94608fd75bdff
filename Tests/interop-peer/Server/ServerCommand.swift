import ArgumentParser
import Bulwark
import BulwarkWire
import Logging
import ServiceLifecycle
import SwiftProtobufMessages
import UnixSignals

#if canImport(Glibc)
import Glibc
#else
import Darwin
#endif

/// `interop-peer server`.
struct ServerCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(commandName: "server", abstract: "Serves until SIGTERM.")

  @Option(help: ArgumentHelp("Where to listen; port 0 takes a free one.", valueName: "HOST:PORT"))
  var listen: HostAndPort

  @OptionGroup var tls: TLSOptions

  @Flag(help: "Counts the calls, and prints the counts at the end.")
  var countCalls = false

  @Flag(help: "Serves channelz; in plaintext it also calls itself once, so that there is a channel to see.")
  var channelz = false

  @OptionGroup var life: ServerLifeOptions

  func run() async throws {
    var configuration = ServerConfiguration()
    configuration.tls = try self.tls.server()
    configuration.connectionLife = self.life.life
    // Above the 4 MiB that clients take, so that a case can judge the limit of the client alone.
    configuration.limits.maxReceiveMessageBytes = 8 << 20
    configuration.gracefulShutdownTimeout = .seconds(5)
    let channelz = self.channelz ? ChannelzRegistry() : nil
    configuration.channelz = channelz
    let tally = self.countCalls ? CallTally(of: "server") : nil
    let server = Server(
      listening: .tcp(host: self.listen.host, port: self.listen.port),
      configuration: configuration,
      interceptors: tally.map { [$0] } ?? []
    ) {
      InteropService()
      CountingTally()
      HealthService()
      ReflectionService()
      if let channelz { ChannelzService(channelz) }
    }
    let group = ServiceGroup(
      services: [server],
      gracefulShutdownSignals: [.sigterm, .sigint],
      logger: Logger(label: "interop-peer")
    )
    async let announced: Client? = self.announce(server, channelz)
    try await group.run()
    try await announced?.close()
    if let tally { print(tally) }
  }

  /// Says where the server listens.
  ///
  /// - Returns: a client of the server that has made one call, if channelz is to see one.
  private func announce(_ server: Server, _ channelz: ChannelzRegistry?) async throws -> Client? {
    let endpoint = try await server.listeningEndpoint
    var client: Client?
    if let channelz, self.tls.tlsCert == nil {
      var configuration = ClientConfiguration()
      configuration.channelz = channelz
      let seen = Client(to: endpoint, configuration: configuration)
      _ = try await InteropClient(seen).echo(EchoRequest())
      client = seen
    }
    print("listening on \(endpoint)")
    // A pipe is buffered, and whoever started this program waits for the line.
    fflush(nil)
    return client
  }
}
