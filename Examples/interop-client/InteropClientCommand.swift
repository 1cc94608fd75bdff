import ArgumentParser
import Bulwark
import GRPCTesting

#if canImport(Glibc)
import Glibc
#else
import Darwin
#endif

/// The interop client of gRPC, with the flags and exit codes that all of its implementations have.
@main
struct InteropClientCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "interop-client",
    abstract: "Runs one of gRPC's interop test cases against a server of grpc.testing.TestService.",
    discussion: "Ends with 0 when the case has passed and with 1 when it has not."
  )

  @Option(name: .customLong("server_host"), help: "The server's host.")
  var host = "localhost"

  @Option(name: .customLong("server_port"), help: "The server's port.")
  var port: UInt16?

  @Option(
    name: .customLong("server_host_override"),
    help: "The name that the server's certificate has to be for."
  )
  var hostOverride: String?

  @Option(name: .customLong("test_case"), help: "The case to run.")
  var name = "large_unary"

  @Option(name: .customLong("use_tls"), help: "Whether to speak TLS.")
  var useTLS = false

  @Option(
    name: .customLong("ca_file"),
    help: "With TLS: whom to trust, in PEM; without it, the roots of the system."
  )
  var roots: String?

  @Flag(
    name: .customLong("skip_compression_probe"),
    help: "For servers that cannot tell whether a request was compressed."
  )
  var skipsCompressionProbe = false

  @OptionGroup var soak: SoakOptions

  @Flag(name: .customLong("list"), help: "Prints the names of the cases and ends.")
  var lists = false

  static func main() async {
    await self.main(
      SwitchArguments.completed(Array(CommandLine.arguments.dropFirst()), switches: ["--use_tls"])
    )
  }

  func run() async throws {
    if self.lists {
      return print(TestCase.all.map(\.name).joined(separator: "\n"))
    }
    guard let port = self.port else { throw ValidationError("--server_port is needed") }
    guard let testCase = TestCase.all.first(where: { $0.name == self.name }) else {
      throw ValidationError("there is no case \(self.name)")
    }
    var configuration = ClientConfiguration()
    configuration.tls = try self.tls()
    let context = CaseContext(
      endpoint: .tcp(host: self.host, port: Int(port)),
      configuration: configuration,
      soak: self.soak,
      probesCompression: !self.skipsCompressionProbe
    )
    let watchdog = endProgram(after: self.soak.limit, saying: "failed \(self.name): has not ended")
    do {
      try await testCase.run(context)
      await context.client.close()
      print("ok \(self.name)")
    } catch {
      print("failed \(self.name): \(error)")
      throw ExitCode.failure
    }
    watchdog.cancel()
  }

  /// Nil for plaintext.
  private func tls() throws -> ClientTLS? {
    guard self.useTLS else { return nil }
    let roots = self.roots.map { TrustRoots.pem(.file($0)) } ?? .system
    return ClientTLS(try TLSCredentials(trustRoots: roots), serverName: self.hostOverride)
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
