import BulwarkResilience
import CAllocations

/// The operations that are measured, each on a policy of its own.
enum Workloads {
  private struct Unwanted: Error {}

  static func all() throws -> [(String, Stopwatch.Loop)] {
    [
      ("breaker", try self.breaker()),
      ("breaker permit", try self.breakerPermit()),
      ("breaker open", try self.openBreaker()),
      ("limiter", try self.limiter(rate: 1e9, burst: 1_000_000)),
      ("limiter refusal", try self.limiter(rate: 0.001, burst: 1)),
      ("bulkhead", try self.bulkhead()),
      ("retry", try self.retry()),
      ("stack", try self.stack()),
    ]
  }

  /// Allow and record, around an operation that does nothing.
  private static func breaker() throws -> Stopwatch.Loop {
    let breaker = try CircuitBreaker(name: "bench")
    return { count in
      for _ in 0..<count { try? await breaker.run {} }
    }
  }

  /// The same in two steps, with a permit in between.
  private static func breakerPermit() throws -> Stopwatch.Loop {
    let breaker = try CircuitBreaker(name: "bench")
    return { count in
      for _ in 0..<count { try? breaker.allow().settle(as: .success) }
    }
  }

  private static func openBreaker() throws -> Stopwatch.Loop {
    let breaker = try CircuitBreaker(name: "bench")
    for _ in 0..<20 { try? breaker.allow().settle(as: .failure) }
    guard breaker.state == .open else { throw Unwanted() }
    return { count in
      for _ in 0..<count { try? breaker.allow().settle(as: .success) }
    }
  }

  private static func limiter(rate: Double, burst: Int) throws -> Stopwatch.Loop {
    let limiter = try RateLimiter(name: "bench", options: RateLimiterOptions(rate: rate, burst: burst))
    return { count in
      for _ in 0..<count { _ = limiter.tryAcquire() }
    }
  }

  private static func bulkhead() throws -> Stopwatch.Loop {
    let bulkhead = try Bulkhead(name: "bench", options: BulkheadOptions(maximumConcurrent: 64))
    return { count in
      for _ in 0..<count { _ = bulkhead.tryAcquire() }
    }
  }

  private static func retry() throws -> Stopwatch.Loop {
    let retry = try Retry(name: "bench")
    return { count in
      for _ in 0..<count { try? await retry.run { (_: Attempt) in } }
    }
  }

  /// Breaker, limiter and bulkhead around nothing.
  static func stack() throws -> Stopwatch.Loop {
    let stack = ResilienceStack(
      circuitBreaker: try CircuitBreaker(name: "bench"),
      rateLimiter: try RateLimiter(name: "bench", options: RateLimiterOptions(rate: 1e9, burst: 1_000_000)),
      bulkhead: try Bulkhead(name: "bench", options: BulkheadOptions(maximumConcurrent: 64))
    )
    return { count in
      for _ in 0..<count { try? await stack.run {} }
    }
  }

  static func statsNanoseconds(components: Int) throws -> Double {
    let manager = ResilienceManager()
    for number in 0..<components {
      switch number % 3 {
      case 0: _ = try manager.circuitBreaker("component-\(number)")
      case 1: _ = try manager.bulkhead("component-\(number)", BulkheadOptions(maximumConcurrent: 8))
      default: _ = try manager.rateLimiter("component-\(number)", RateLimiterOptions(rate: 100, burst: 10))
      }
    }
    let samples = try (0..<101).map { _ in
      let start = Stopwatch.now()
      let stats = manager.stats
      let time = Stopwatch.now() - start
      guard stats.circuitBreakers.count == (components + 2) / 3 else { throw Unwanted() }
      return Double(time)
    }
    return samples.sorted()[50]
  }

  static func bytes() throws -> [String: Int] {
    [
      "breaker": try self.bytes { try CircuitBreaker(name: "bench") },
      "limiter": try self.bytes {
        try RateLimiter(name: "bench", options: RateLimiterOptions(rate: 100, burst: 10))
      },
      "bulkhead": try self.bytes {
        try Bulkhead(name: "bench", options: BulkheadOptions(maximumConcurrent: 50))
      },
      "retry": try self.bytes { try Retry(name: "bench") },
    ]
  }

  private static func bytes(_ make: () throws -> AnyObject) throws -> Int {
    let count = 100
    var kept: [AnyObject] = []
    kept.reserveCapacity(count)
    kept.append(try make())
    let before = bytes_of_this_thread()
    for _ in 1..<count { kept.append(try make()) }
    return Int(bytes_of_this_thread() - before) / (count - 1)
  }
}
