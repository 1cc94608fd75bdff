import Bulwark
import GRPCTesting
import Synchronization

extension TestCase {
  /// Many large calls, on one connection or each on its own.
  static let soaks = [
    TestCase(name: "rpc_soak") { context in
      try await soak(context) { try await $0.soakCall(on: context.client) }
    },
    TestCase(name: "channel_soak") { context in
      // Closed when all is over: the end of a connection is no part of a call's latency.
      let clients = Mutex<[Client]>([])
      try await soak(context) { options in
        let client = context.newClient()
        clients.withLock { $0.append(client) }
        try await options.soakCall(on: client)
      }
      await withTaskGroup(of: Void.self) { closings in
        for client in clients.withLock({ $0 }) {
          closings.addTask { await client.close() }
        }
      }
    },
  ]
}

extension SoakOptions {
  fileprivate func soakCall(on client: Client) async throws {
    let request = SimpleRequest.with {
      $0.responseSize = self.responseSize
      $0.payload = zeros(self.requestSize)
    }
    let response = try await TestServiceClient(client).unaryCall(request)
    let count = response.payload?.body.count ?? 0
    try expect(count == Int(self.responseSize), "wanted \(self.responseSize) bytes, got \(count)")
  }
}

/// Makes the calls of all threads, and fails when too many have failed or were late.
private func soak(
  _ context: CaseContext,
  _ call: @escaping @Sendable (SoakOptions) async throws -> Void
) async throws {
  let options = context.soak
  let clock = ContinuousClock()
  let end = clock.now + .seconds(options.overallTimeoutSeconds)
  let failures = await withTaskGroup(of: [String].self) { threads in
    for _ in 0..<options.threads {
      threads.addTask { await soakThread(options, until: end, call) }
    }
    return await threads.reduce(into: []) { $0 += $1 }
  }
  try expect(
    failures.count <= options.maxFailures,
    "\(failures.count) calls failed, \(options.maxFailures) may; the first: \(failures.first ?? "")"
  )
}

/// Makes one call after the other; what was wrong with those that failed, were late or were not made in time.
private func soakThread(
  _ options: SoakOptions,
  until end: ContinuousClock.Instant,
  _ call: @Sendable (SoakOptions) async throws -> Void
) async -> [String] {
  let clock = ContinuousClock()
  let limit = Duration.milliseconds(options.maxLatencyMilliseconds)
  var failures: [String] = []
  for iteration in 0..<options.iterations {
    let start = clock.now
    guard start < end else {
      let missing = options.iterations - iteration
      return failures + Array(repeating: "not made within \(options.overallTimeoutSeconds) s", count: missing)
    }
    do {
      try await call(options)
      let latency = start.duration(to: clock.now)
      if latency > limit { failures.append("took \(latency), may take \(limit)") }
    } catch {
      failures.append("\(error)")
    }
    try? await clock.sleep(until: start + .milliseconds(options.minTimeMilliseconds))
  }
  return failures
}
