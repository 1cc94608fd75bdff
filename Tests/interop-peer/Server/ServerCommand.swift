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

  @OptionGroup var life: ServerLifeOptions

  func run() async throws {
    var configuration = ServerConfiguration()
    configuration.tls = try self.tls.server()
    configuration.connectionLife = self.life.life
    // Above the 4 MiB that clients take, so that a case can judge the limit of the client alone.
    configuration.limits.maxReceiveMessageBytes = 8 << 20
    configuration.gracefulShutdownTimeout = .seconds(5)
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
    }
    let group = ServiceGroup(
      services: [server],
      gracefulShutdownSignals: [.sigterm, .sigint],
      logger: Logger(label: "interop-peer")
    )
    async let announced: Void = self.announce(server)
    try await group.run()
    try await announced
    if let tally { print(tally) }
  }

  private func announce(_ server: Server) async throws {
    print("listening on \(try await server.listeningEndpoint)")
    // A pipe is buffered, and whoever started this program waits for the line.
    fflush(nil)
  }
}
