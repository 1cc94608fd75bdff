import BulwarkResilience
import CAllocations

/// What many policies cost together, and one of them in memory.
enum Components {
  static func manager(of components: Int) throws -> ResilienceManager {
    let manager = ResilienceManager()
    for number in 0..<components {
      switch number % 3 {
      case 0: _ = try manager.circuitBreaker("component-\(number)")
      case 1: _ = try manager.bulkhead("component-\(number)", BulkheadOptions(maximumConcurrent: 8))
      default: _ = try manager.rateLimiter("component-\(number)", RateLimiterOptions(rate: 100, burst: 10))
      }
    }
    return manager
  }

  static func statsNanoseconds(components: Int, _ stopwatch: Stopwatch) throws -> Double {
    let manager = try self.manager(of: components)
    return try stopwatch.time {
      manager.stats
    } check: { stats in
      try self.requireAll(components, stats)
    }
  }

  /// The stats' JSON, the stats themselves included.
  static func jsonNanoseconds(components: Int, _ stopwatch: Stopwatch) throws -> Double {
    let manager = try self.manager(of: components)
    return try stopwatch.time {
      manager.stats.json
    } check: { json in
      let names = json.split(separator: "\"component-").count - 1
      try Workload.require(names == components, "JSON names \(names) of \(components) components")
    }
  }

  private static func requireAll(_ components: Int, _ stats: ManagerStats) throws {
    let count = stats.circuitBreakers.count + stats.bulkheads.count + stats.rateLimiters.count
    try Workload.require(count == components, "stats of \(count) instead of \(components) components")
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
    return Int(bytes_of_this_thread() &- before) / (count - 1)
  }
}
