import Bulwark

extension InteropCase {
  /// Calls that prove who makes them.
  static let credentials = [
    InteropCase(name: "credentials") { context in
      let client = context.client
      let credentials = CallCredentials { ["authorization": "Bearer of a call to \($0.serviceURL)"] }
      let interop = InteropClient(client.intercepted(by: [client.authentication(by: credentials)]))
      let response = try await interop.echo(.with { $0.payload = [1] }, timeout: CaseContext.timeout)
      try expect(response.payload == [1], "got the payload \(response.payload)")
      try await interop.converse(timeout: CaseContext.timeout) { requests, responses in
        try await requests.write(.with { $0.payload = [2] })
        requests.finish()
        for try await response in responses {
          try expect(response.payload == [2], "got the payload \(response.payload)")
        }
      }
    }
  ]
}
