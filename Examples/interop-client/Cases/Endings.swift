import Bulwark
import GRPCTesting

extension TestCase {
  /// Calls that their caller gives up.
  static let endings = [
    TestCase(name: "cancel_after_begin") { context in
      try await expectCancelled { begun in
        _ = try await context.service.streamingInputCall { _ in
          begun.finish()
          // What the body throws comes out as it is, and it is the end of the call that is judged here.
          try? await Task.sleep(for: .seconds(60))
        }
      }
    },
    TestCase(name: "cancel_after_first_response") { context in
      try await expectCancelled { received in
        try await context.service.fullDuplexCall { requests, responses in
          var iterator = responses.makeAsyncIterator()
          try await requests.write(.asking(for: 31415, with: 27182))
          let count = try await iterator.next()?.payload?.body.count
          try expect(count == 31415, "the response has \(count ?? 0) bytes")
          received.finish()
          _ = try await iterator.next()
        }
      }
    },
    TestCase(name: "timeout_on_sleeping_server") { context in
      try await expectError(.deadlineExceeded) {
        try await context.service.fullDuplexCall(timeout: .milliseconds(1)) { requests, responses in
          try await requests.write(.with { $0.payload = zeros(27182) })
          for try await _ in responses {}
        }
      }
    },
  ]
}

/// Runs a call, cancels it when it says that it is as far as it should be, and fails unless it ends as cancelled.
private func expectCancelled(
  _ call: @escaping @Sendable (AsyncStream<Never>.Continuation) async throws -> Void
) async throws {
  let (reached, continuation) = AsyncStream<Never>.makeStream()
  let task = Task {
    defer { continuation.finish() }
    try await call(continuation)
  }
  for await _ in reached {}
  task.cancel()
  do {
    try await task.value
  } catch let error as RPCError {
    return try expect(error.code == .cancelled, "expected \(StatusCode.cancelled), got \(error)")
  }
  throw CaseFailure("the cancelled call succeeded")
}
