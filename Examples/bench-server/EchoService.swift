import BenchEcho
import Bulwark

/// `bench.Echo`: every handler runs on its connection's event loop.
struct EchoService: Echo {
  func unary(_ request: Msg, context: CallContext) async throws -> Msg {
    request
  }

  func clientStream(_ requests: RequestStream<Msg>, context: CallContext) async throws -> Msg {
    var last = Msg()
    for try await request in requests {
      last = request
    }
    return last
  }

  func serverStream(
    _ request: Msg,
    to responses: ResponseWriter<Msg>,
    context: CallContext
  ) async throws {
    let wanted = context.metadata["x-bench-messages"] ?? "1"
    guard let count = UInt32(wanted) else {
      throw RPCError(
        code: .invalidArgument,
        message: "x-bench-messages must be a number of messages, it is '\(wanted)'"
      )
    }
    for _ in 0..<count {
      try await responses.write(request)
    }
  }

  func bidi(
    _ requests: RequestStream<Msg>,
    to responses: ResponseWriter<Msg>,
    context: CallContext
  ) async throws {
    for try await request in requests {
      try await responses.write(request)
    }
  }
}
