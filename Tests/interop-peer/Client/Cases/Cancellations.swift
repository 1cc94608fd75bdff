import Bulwark

extension InteropCase {
  /// Calls that their caller gives up: the handler has to hear of it.
  static let cancellations = [
    InteropCase(name: "cancel_unary") { context in
      let call = Task {
        try await context.echo(timeout: .seconds(90)) {
          $0.delayMs = 60_000
          $0.key = "cancelled"
        }
      }
      try await context.waitUntilHandlerRuns("cancelled")
      call.cancel()
      try await expectError(.cancelled) { _ = try await call.value }
      try await expectCancelledHandler(context)
    },
    InteropCase(name: "cancel_in_stream") { context in
      try await readOneResponse(context)
      try await expectCancelledHandler(context)
    },
    InteropCase(name: "cancel_while_sending") { context in
      let call = Task {
        try await context.interop.collect(timeout: .seconds(90)) { requests in
          for _ in 0..<2 {
            try await requests.write(.with { $0.key = "cancelled" })
          }
          try await Task.sleep(for: .seconds(60))
        }
      }
      try await context.waitUntilHandlerRuns("cancelled")
      call.cancel()
      guard case .failure = await call.result else { throw CaseFailure("the cancelled call succeeded") }
      try await expectCancelledHandler(context)
    },
  ]
}

/// Lets the stream go after its first response, which cancels the call.
private func readOneResponse(_ context: CaseContext) async throws {
  let request = ExpandRequest.with {
    $0.sizes = [UInt32](repeating: 10, count: 1000)
    $0.delayMs = 10
    $0.key = "cancelled"
  }
  for try await response in context.interop.expand(request, timeout: .seconds(90)) {
    return try expect(response.payload.count == 10, "the response has \(response.payload.count) bytes")
  }
  throw CaseFailure("there was no response")
}

private func expectCancelledHandler(_ context: CaseContext) async throws {
  let end = try await context.handlerEnd("cancelled")
  try expect(end == .cancelled, "the handler ended as \(end)")
}
