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

  /// A limiter whose keys, 0 and on, have each taken what takes minutes to come back.
  static func keyedLimiter(owing keys: Int) throws -> KeyedRateLimiter<Int> {
    let limiter = try KeyedRateLimiter<Int>(
      name: "bench",
      options: KeyedRateLimiterOptions(rate: 100, burst: 1_000_000_000, maximumKeys: max(1024, 2 * keys))
    )
    for key in 0..<keys {
      try Workload.require(limiter.tryAcquire(60_000, for: key), "keyed limiter: key \(key) was refused")
    }
    return limiter
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
      "limiter key": try self.bytesOfKey(),
    ]
  }

  /// What a keyed limiter takes for each key of many, its share of empty places in the table included.
  private static func bytesOfKey() throws -> Int {
    let count = 100_000
    let before = bytes_of_this_thread()
    let limiter = try self.keyedLimiter(owing: count)
    return withExtendedLifetime(limiter) { Int(bytes_of_this_thread() &- before) / count }
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
