import Bulwark

extension InteropCase {
  /// Calls that run out of time.
  static let deadlines = [
    InteropCase(name: "deadline") { context in
      let elapsed = try await ContinuousClock().measure {
        try await expectError(.deadlineExceeded) {
          _ = try await context.echo(timeout: .milliseconds(200)) {
            $0.delayMs = 60_000
            $0.key = "deadline"
          }
        }
      }
      let allowed = Duration.milliseconds(200)...Duration.milliseconds(1200)
      try expect(allowed.contains(elapsed), "a deadline of 200 ms was met after \(elapsed)")
      let end = try await context.handlerEnd("deadline")
      try expect(end == .cancelled, "the handler ended as \(end)")
    },
    InteropCase(name: "deadline_in_stream") { context in
      let request = ExpandRequest.with {
        $0.sizes = [UInt32](repeating: 1, count: 100)
        $0.delayMs = 50
      }
      var received = 0
      try await expectError(.deadlineExceeded) {
        for try await _ in context.interop.expand(request, timeout: .milliseconds(300)) {
          received += 1
        }
      }
      try expect((1..<100).contains(received), "\(received) responses came before the deadline")
    },
    InteropCase(name: "deadline_seen") { context in
      let limited = try await context.echo(timeout: .seconds(4)) { $0.wantReport = true }
      let remaining = limited.report?.deadlineRemainingMs ?? 0
      try expect((1...4000).contains(remaining), "of 4000 ms the server saw \(remaining)")
      let unlimited = try await context.interop.echo(.with { $0.wantReport = true })
      try expect(unlimited.report?.deadlineRemainingMs == 0, "the server saw a deadline that nobody set")
    },
  ]
}
