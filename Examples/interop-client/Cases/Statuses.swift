import Bulwark
import GRPCTesting

extension TestCase {
  /// Calls that the server fails.
  static let statuses = [
    TestCase(name: "status_code_and_message") { context in
      try await expectUnknown("test status message", in: context)
      let status = EchoStatus.unknown("test status message")
      try await expectError(.unknown, status.message) {
        try await context.service.fullDuplexCall { requests, responses in
          try await requests.write(.with { $0.responseStatus = status })
          requests.finish()
          for try await _ in responses {}
        }
      }
    },
    TestCase(name: "special_status_message") { context in
      try await expectUnknown("\t\ntest with whitespace\r\nand Unicode BMP ☺ and non-BMP 😈\t\n", in: context)
    },
    TestCase(name: "unimplemented_method") { context in
      try await expectError(.unimplemented) {
        _ = try await context.service.unimplementedCall(Empty())
      }
    },
    TestCase(name: "unimplemented_service") { context in
      try await expectError(.unimplemented) {
        _ = try await UnimplementedServiceClient(context.client).unimplementedCall(Empty())
      }
    },
  ]
}

extension EchoStatus {
  fileprivate static func unknown(_ message: String) -> Self {
    .with {
      $0.code = 2
      $0.message = message
    }
  }
}

private func expectUnknown(_ message: String, in context: CaseContext) async throws {
  try await expectError(.unknown, message) {
    _ = try await context.service.unaryCall(.with { $0.responseStatus = .unknown(message) })
  }
}
