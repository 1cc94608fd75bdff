import ArgumentParser
import Bulwark
import BulwarkWire

/// How long the connections of the server live, and how often they may be pinged; without these options as by default.
struct ServerLifeOptions: ParsableArguments {
  @Option(help: ArgumentHelp("How long a client may be silent before it is pinged.", valueName: "SECONDS"))
  var keepaliveTime: Double?

  @Option(help: ArgumentHelp("How long it may be silent then.", valueName: "SECONDS"))
  var keepaliveTimeout: Double?

  @Option(help: ArgumentHelp("The least time between two pings of a client.", valueName: "SECONDS"))
  var minPingInterval: Double?

  @Option(help: ArgumentHelp("How long a connection may have no calls.", valueName: "SECONDS"))
  var maxIdle: Double?

  @Option(help: ArgumentHelp("How old a connection may become.", valueName: "SECONDS"))
  var maxAge: Double?

  @Option(help: ArgumentHelp("How long the calls of one that is too old may go on.", valueName: "SECONDS"))
  var maxAgeGrace: Double?

  var life: ServerConnectionLife {
    var life = ServerConnectionLife()
    if let seconds = self.keepaliveTime { life.keepaliveTime = .seconds(seconds) }
    if let seconds = self.keepaliveTimeout { life.keepaliveTimeout = .seconds(seconds) }
    if let seconds = self.minPingInterval { life.minPingInterval = .seconds(seconds) }
    life.maxIdle = self.maxIdle.map { .seconds($0) }
    life.maxAge = self.maxAge.map { .seconds($0) }
    life.maxAgeGrace = self.maxAgeGrace.map { .seconds($0) }
    return life
  }
}

/// Whether and when the client pings; without these options never.
struct ClientLifeOptions: ParsableArguments {
  @Option(
    help: ArgumentHelp(
      "How long the server may be silent before it is pinged; less than the library permits.",
      valueName: "SECONDS"
    )
  )
  var keepaliveTime: Double?

  @Option(help: ArgumentHelp("How long it may be silent then.", valueName: "SECONDS"))
  var keepaliveTimeout = 20.0

  var keepalive: ClientKeepalive {
    guard let time = self.keepaliveTime else { return ClientKeepalive() }
    return ClientKeepalive(unboundedTime: .seconds(time), timeout: .seconds(self.keepaliveTimeout))
  }
}
