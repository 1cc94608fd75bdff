import Bulwark
import ServiceLifecycle

struct EchoBytes: RPCService {
  func register(in registry: inout ServiceRegistry) {
    let unary = RPCMethod(
      MethodDescriptor(service: "bench.Echo", method: "Unary", kind: .unary),
      request: .bytes,
      response: .bytes
    )
    registry.unary(unary) { message, _ in message }
    let bidi = RPCMethod(
      MethodDescriptor(service: "bench.Echo", method: "Bidi", kind: .bidirectional),
      request: .bytes,
      response: .bytes
    )
    registry.bidirectional(bidi) { requests, responses, _ in
      for try await m in requests { try await responses.write(m) }
    }
  }
}
let server = Server(listening: .tcp(host: "127.0.0.1", port: Int(CommandLine.arguments[1])!)) { EchoBytes() }
Task { print("listening on", try await server.listeningEndpoint) }
try await server.run()
