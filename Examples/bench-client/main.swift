import Bulwark
import NIOCore
let unary = RPCMethod(
  MethodDescriptor(service: "bench.Echo", method: "Unary", kind: .unary),
  request: .bytes,
  response: .bytes
)
let client = Client(to: .tcp(host: "127.0.0.1", port: Int(CommandLine.arguments[1])!))
let conc = Int(CommandLine.arguments[2])!
let onLoop = CommandLine.arguments.count > 3
let clock = ContinuousClock()
let start = clock.now, end = start + .seconds(2)
let r = try await client.unary(unary, ByteBuffer(repeating: 7, count: 100))
print(r.message.readableBytes, r.metadata)
let total = try await withThrowingTaskGroup(of: Int.self) { g in
  for _ in 0..<conc {
    g.addTask(executorPreference: onLoop ? client.executor : nil) {
      var n = 0; let p = ByteBuffer(repeating: 7, count: 100)
      while clock.now < end { _ = try await client.unary(unary, p); n += 1 }
      return n
    }
  }
  var t = 0; for try await x in g { t += x }; return t
}
print("rps", Double(total) / 2.0)
await client.close()
