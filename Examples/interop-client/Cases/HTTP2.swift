import Bulwark
import GRPCTesting

extension TestCase {
  /// The negative HTTP/2 cases, for servers that misbehave on purpose; `data_frame_padding` is `large_unary`.
  static let http2 = [
    TestCase(name: "goaway") { context in
      try await context.service.unaryCall(.large).expectLarge()
      // As the description of the case has it: by then the GOAWAY has come.
      try await Task.sleep(for: .seconds(1))
      try await context.service.unaryCall(.large).expectLarge()
    },
    TestCase(name: "rst_after_header", run: expectReset),
    TestCase(name: "rst_during_data", run: expectReset),
    TestCase(name: "rst_after_data", run: expectReset),
    TestCase(name: "ping") { context in
      try await context.service.unaryCall(.large).expectLarge()
    },
    TestCase(name: "max_streams") { context in
      try await context.service.unaryCall(.large).expectLarge()
      try await withThrowingTaskGroup(of: Void.self) { calls in
        for _ in 0..<10 {
          calls.addTask { try await context.service.unaryCall(.large).expectLarge() }
        }
        try await calls.waitForAll()
      }
    },
  ]
}

/// A stream that is reset with NO_ERROR before its trailers is INTERNAL (gRPC over HTTP/2, "Errors").
@Sendable
private func expectReset(_ context: CaseContext) async throws {
  try await expectError(.internalError) {
    _ = try await context.service.unaryCall(.large)
  }
}
