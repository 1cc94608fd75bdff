import ArgumentParser
import BenchEcho
import Bulwark
import NIOCore
import NIOPosix

@main
struct BenchClient: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "bench-client",
    abstract: "Loads a server of bench.Echo and prints rate and latency.",
    discussion: """
      Each of --concurrency callers does one thing after the other, on a connection that it shares with others:

        unary          calls; a call counts once, and its latency is from the request to the answer
        client-stream  calls of --messages requests; each request counts, the latency is the whole call's
        server-stream  calls of --messages responses; each response counts, the latency is the whole call's
        bidi           one call, a request at a time; each pair counts, its latency is from request to response

        With --flood the server is to refuse every Unary (`bench-server --policies closed`): what is measured are the \
        other calls on the same connections.

      Callers run on the event loop of their connection, which spares each call two thread switches. That is \
      what `Task(executorPreference: client.executor)` does in a program; --global-executor measures the other \
      way. Nothing is counted during the warm-up, and nothing that ends after --seconds.
      """
  )

  @Option(help: "The server: HOST:PORT or unix:PATH.", transform: { try Endpoint(argument: $0) })
  var target: Endpoint

  @Option(help: "What to call: \(CallMix.allValueStrings.joined(separator: ", ")).")
  var kind = CallMix.unary

  @Option(help: "How many callers there are, spread evenly over the connections.")
  var concurrency = 32

  @Option(help: "How many connections there are, on an event loop each while there are cores.")
  var connections = 1

  @Option(help: "How many bytes each payload has.")
  var payload = 100

  @Option(help: "How long to measure, in seconds.")
  var seconds = 5.0

  @Option(help: "How long to load the server before that, in seconds.")
  var warmUp = 0.5

  @Option(help: "How many messages a client-stream or a server-stream carries.")
  var messages = 100

  @Option(help: "How many more callers call Unary all the time beside them, and are refused by a limiter.")
  var flood = 0

  @Flag(help: "Run the callers on the global executor instead of their connection's event loop.")
  var globalExecutor = false

  @Flag(help: "Print one JSON object.")
  var json = false

  func validate() throws {
    guard self.concurrency >= 1, self.connections >= 1, self.messages >= 1 else {
      throw ValidationError("--concurrency, --connections and --messages must be at least 1")
    }
    guard self.connections <= self.concurrency else {
      throw ValidationError("--connections above --concurrency leaves connections without a caller")
    }
    guard self.flood >= 0, self.flood == 0 || self.kind != .unary else {
      throw ValidationError("--flood must not be negative, and needs another --kind than unary")
    }
    guard self.payload >= 0, self.payload <= 1 << 30 else {
      throw ValidationError("--payload must be 0 to \(1 << 30) bytes")
    }
    guard self.seconds > 0, self.warmUp >= 0 else {
      throw ValidationError("--seconds must be above 0, and --warm-up not below")
    }
  }

  func run() async throws {
    let loops = MultiThreadedEventLoopGroup(numberOfThreads: min(self.connections, System.coreCount))
    let clients = (0..<self.connections).map { _ in
      Client(to: self.target, eventLoopGroup: loops.next())
    }
    let load = Load(
      mix: self.kind,
      payload: [UInt8](repeating: 7, count: self.payload),
      messages: self.messages,
      window: Window(startingIn: .seconds(self.warmUp), lasting: .seconds(self.seconds))
    )
    let tally = try await load.run(
      on: clients,
      callers: self.concurrency,
      flood: self.flood,
      onGlobalExecutor: self.globalExecutor
    )
    for client in clients {
      await client.close()
    }
    try await loops.shutdownGracefully()
    let report = Report(self, tally)
    print(self.json ? try report.json : report.text)
  }
}

extension CallMix: ExpressibleByArgument {}

extension Endpoint {
  init(argument: String) throws {
    guard let endpoint = Endpoint(argument) else {
      throw ValidationError("'\(argument)' is neither HOST:PORT nor unix:PATH")
    }
    self = endpoint
  }
}
