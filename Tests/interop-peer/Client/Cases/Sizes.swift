import Bulwark

extension InteropCase {
  /// Large messages, many calls, slow readers.
  static let sizes = [
    InteropCase(name: "message_limit") { context in
      // One byte of tag and four of length make a message of exactly 4 MiB.
      let largest = 4_194_304 - 5
      let response = try await context.echo { $0.payload = [UInt8](repeating: 7, count: largest) }
      try expect(response.payload.count == largest, "got \(response.payload.count) bytes")
      try await expectError(.resourceExhausted) {
        _ = try await context.echo { $0.payload = [UInt8](repeating: 7, count: largest + 1) }
      }
      let after = try await context.echo { $0.payload = [7] }
      try expect(after.payload == [7], "the connection did not outlive the message")
    },
    InteropCase(name: "thousand_calls") { context in
      try await withThrowingTaskGroup(of: Void.self) { group in
        for number in 0..<1000 {
          group.addTask {
            let text = String(number)
            let payload = Array((String(repeating: "0", count: 100 - text.utf8.count) + text).utf8)
            let response = try await context.echo(timeout: .seconds(10)) {
              $0.payload = payload
              $0.delayMs = 200
            }
            try expect(response.payload == payload, "call \(number) got the payload of another")
          }
        }
        try await group.waitForAll()
      }
    },
    InteropCase(name: "backpressure") { context in
      let request = ExpandRequest.with { $0.sizes = [UInt32](repeating: 65_536, count: 200) }
      var received = 0
      for try await response in context.interop.expand(request, timeout: .seconds(10)) {
        let expected = [UInt8](repeating: UInt8(received), count: 65_536)
        try expect(response.payload == expected, "response \(received) is not the one of its place")
        received += 1
        try await Task.sleep(for: .milliseconds(2))
      }
      try expect(received == 200, "\(received) of 200 responses came")
    },
  ]
}
