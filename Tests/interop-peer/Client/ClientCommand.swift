import ArgumentParser
import Bulwark

#if canImport(Glibc)
import Glibc
#else
import Darwin
#endif

/// `interop-peer client`.
struct ClientCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(commandName: "client", abstract: "Runs one case.")

  @Option(help: ArgumentHelp("The server.", valueName: "HOST:PORT"))
  var target: HostAndPort?

  @Option(name: .customLong("case"), help: "The case to run.")
  var name: String?

  @Option(help: "How long the case `restart` keeps calling.")
  var seconds = 5.0

  @OptionGroup var tls: TLSOptions

  @OptionGroup var life: ClientLifeOptions

  @Option(help: ArgumentHelp("With --tls-ca: the name that the server's certificate has to be for."))
  var tlsName: String?

  @Flag(help: "Prints the names of the cases and ends.")
  var list = false

  func run() async throws {
    if self.list {
      return print(InteropCase.all.map { $0.name }.joined(separator: "\n"))
    }
    guard let target = self.target, let name = self.name else {
      throw ValidationError("--target and --case are needed")
    }
    guard let testCase = InteropCase.all.first(where: { $0.name == name }) else {
      throw ValidationError("there is no case \(name)")
    }
    var configuration = ClientConfiguration()
    configuration.tls = try self.tls.client(of: self.tlsName)
    configuration.keepalive = self.life.keepalive
    let client = Client(to: .tcp(host: target.host, port: target.port), configuration: configuration)
    let watchdog = endProgram(after: .seconds(20 + self.seconds), saying: "failed \(name): has not ended")
    do {
      try await testCase.run(CaseContext(client: client, seconds: self.seconds))
      await client.close()
      print("ok \(name)")
    } catch {
      print("failed \(name): \(error)")
      throw ExitCode.failure
    }
    watchdog.cancel()
  }
}

/// Ends the program if a call hangs: a case that never ends is the worst way to fail.
private func endProgram(after limit: Duration, saying message: String) -> Task<Void, any Error> {
  Task.detached {
    try await Task.sleep(for: limit)
    print("\(message) within \(limit)")
    fflush(nil)
    exit(1)
  }
}
