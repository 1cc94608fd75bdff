// bench.Echo on grpc-swift-2 over its NIO transport: `peer server --listen HOST:PORT [--tls-cert FILE --tls-key FILE]`
// and `peer client --target HOST:PORT --concurrency N,N… --seconds S`, with the output of the C++ peer.
import GRPCCore
import GRPCNIOTransportHTTP2

#if canImport(Glibc)
import Glibc
#else
import Darwin
#endif

struct Usage: Error, CustomStringConvertible {
  let description = """
    usage: peer server --listen HOST:PORT [--tls-cert FILE --tls-key FILE]
           peer client --target HOST:PORT [--concurrency N,N…] [--seconds S]
    """
}

struct WrongEcho: Error {}

func option(_ name: String) -> String? {
  guard let index = CommandLine.arguments.firstIndex(of: name) else { return nil }
  return CommandLine.arguments.dropFirst(index + 1).first
}

func address(_ name: String) throws -> (host: String, port: Int) {
  guard let parts = option(name)?.split(separator: ":"), parts.count == 2, let port = Int(parts[1]) else {
    throw Usage()
  }
  return (String(parts[0]), port)
}

func serve() async throws {
  let (host, port) = try address("--listen")
  var security = HTTP2ServerTransport.Posix.TransportSecurity.plaintext
  if let certificate = option("--tls-cert"), let key = option("--tls-key") {
    security = .tls(
      certificateChain: [.file(path: certificate, format: .pem)],
      privateKey: .file(path: key, format: .pem)
    )
  }
  let server = GRPCServer(
    transport: .http2NIOPosix(
      address: .ipv4(host: host, port: port),
      transportSecurity: security,
      // The windows and the limit of streams that every server has here.
      config: .defaults { config in
        config.http2.targetWindowSize = 1 << 20
        config.http2.maxConcurrentStreams = 256
      }
    ),
    services: [Echo()]
  )
  try await withThrowingTaskGroup(of: Void.self) { group in
    group.addTask { try await server.serve() }
    if let bound = try await server.listeningAddress?.ipv4 {
      print("listening on \(bound.host):\(bound.port)")
      // A pipe is buffered, and whoever started this program waits for the line.
      fflush(nil)
    }
    try await group.waitForAll()
  }
}

func callsPerSecond(_ client: GRPCClient<some ClientTransport>, concurrency: Int, time: Duration) async throws
  -> Double
{
  let payload: [UInt8] = [0x0a, 100] + [UInt8](repeating: 7, count: 100)
  // Nothing counts in the first half second, as in our bench-client.
  let start = ContinuousClock.now + .milliseconds(500)
  let calls = try await withThrowingTaskGroup(of: Int.self) { group in
    for _ in 0..<concurrency {
      group.addTask {
        var calls = 0
        while true {
          let echo = try await client.unary(
            request: ClientRequest(message: payload),
            descriptor: Echo.unary,
            serializer: RawSerializer(),
            deserializer: RawDeserializer(),
            options: .defaults
          ) { response in
            try response.message
          }
          guard echo == payload else { throw WrongEcho() }
          let elapsed = start.duration(to: .now)
          guard elapsed < time else { return calls }
          if elapsed >= .zero { calls += 1 }
        }
      }
    }
    return try await group.reduce(0, +)
  }
  return Double(calls) / (time / .seconds(1))
}

func load() async throws {
  let (host, port) = try address("--target")
  let time = Duration.seconds(Double(option("--seconds") ?? "3") ?? 3)
  let client = GRPCClient(
    transport: try .http2NIOPosix(target: .ipv4(address: host, port: port), transportSecurity: .plaintext)
  )
  try await withThrowingTaskGroup(of: Void.self) { group in
    group.addTask { try await client.runConnections() }
    for concurrency in (option("--concurrency") ?? "1,32,100").split(separator: ",").compactMap({ Int($0) }) {
      let rate = try await callsPerSecond(client, concurrency: concurrency, time: time)
      print("\(concurrency) \(Int(rate))")
    }
    client.beginGracefulShutdown()
    try await group.waitForAll()
  }
}

switch CommandLine.arguments.dropFirst().first {
case "server": try await serve()
case "client": try await load()
default: throw Usage()
}
