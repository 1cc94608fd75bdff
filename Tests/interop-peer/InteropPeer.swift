import ArgumentParser

/// Bulwark as one of two peers: a server that stock clients judge, or a client that stock servers judge.
/// Tests/Interop/README.md says what both do.
@main
struct InteropPeer: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "interop-peer",
    abstract: "Serves bulwark.interop.Interop, runs a case against a server of it, or soaks one.",
    subcommands: [ServerCommand.self, ClientCommand.self, SoakCommand.self]
  )
}

/// `HOST:PORT`.
struct HostAndPort: ExpressibleByArgument {
  let host: String
  let port: Int

  init?(argument: String) {
    guard let colon = argument.lastIndex(of: ":"),
      let port = UInt16(argument[argument.index(after: colon)...])
    else { return nil }
    self.host = String(argument[..<colon])
    self.port = Int(port)
  }
}
