import BenchEcho
import Bulwark

/// `bench.Echo/Unary` under so many other names, `bench.Many/Unary1` and on: a server with many methods.
struct ManyMethods: RPCService {
  let count: Int

  func register(in registry: inout ServiceRegistry) {
    let echo = EchoService()
    for number in 0..<self.count {
      registry.unary(
        RPCMethod<Msg, Msg>(
          MethodDescriptor(service: "bench.Many", method: "Unary\(number + 1)", kind: .unary),
          request: .protobuf,
          response: .protobuf
        ),
        echo.unary(_:context:)
      )
    }
  }
}
