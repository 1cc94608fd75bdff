import BulwarkTestKit
import Foundation
import Synchronization
import Testing

@testable import BulwarkResilience

@Suite struct ManagerTests {
  private let clock = VirtualClock()

  private func manager() -> ResilienceManager {
    ResilienceManager(clock: self.clock.policyClock, random: RandomSource(SeededGenerator(seed: 1)))
  }

  @Test func `Asking twice for the same name gives the same policy`() throws {
    let manager = self.manager()
    let first = try manager.circuitBreaker("peers")
    #expect(try manager.circuitBreaker("peers") === first)
    #expect(manager.policy(CircuitBreaker.self, named: "peers") === first)
    #expect(manager.policy(CircuitBreaker.self, named: "others") == nil)
  }

  @Test func `Names are apart for each kind`() throws {
    let manager = self.manager()
    _ = try manager.circuitBreaker("votes")
    _ = try manager.bulkhead("votes", BulkheadOptions(maximumConcurrent: 3))
    _ = try manager.rateLimiter("votes", RateLimiterOptions(rate: 10, burst: 5))
    _ = try manager.retry("votes")
    _ = try manager.hedge("votes")
    _ = try manager.timeout("votes")
    let stats = manager.stats
    #expect(stats.circuitBreakers.keys.sorted() == ["votes"] && stats.bulkheads["votes"]?.maximum == 3)
    #expect(stats.rateLimiters["votes"]?.remaining == 5 && stats.retries["votes"]?.operations == 0)
    #expect(stats.hedges.count == 1 && stats.timeouts.count == 1)
  }

  @Test func `A second registration with other settings is an error that says both`() throws {
    let manager = self.manager()
    let first = try manager.bulkhead("blocks", BulkheadOptions(maximumConcurrent: 3))
    let error = #expect(throws: ManagerError.self) {
      try manager.bulkhead("blocks", BulkheadOptions(maximumConcurrent: 4))
    }
    let text = "\(error, default: "nothing")"
    #expect(
      text.contains("blocks") && text.contains("maximumConcurrent: 3")
        && text.contains("maximumConcurrent: 4")
    )
    #expect(manager.policy(Bulkhead.self, named: "blocks") === first)
  }

  @Test func `A keyed limiter is shared by its name and its kind of key`() throws {
    let manager = self.manager()
    let options = KeyedRateLimiterOptions(rate: 10, burst: 5)
    let peers = try manager.keyedRateLimiter("peers", by: String.self, options)
    #expect(try manager.keyedRateLimiter("peers", by: String.self, options) === peers)
    #expect(peers.tryAcquire(for: "alice"))
    #expect(manager.stats.keyedRateLimiters["peers"]?.keys == 1)
    let error = #expect(throws: ManagerError.self) {
      try manager.keyedRateLimiter("peers", by: Int.self, options)
    }
    let text = "\(error, default: "nothing")"
    #expect(text.contains("KeyedRateLimiter<String>") && text.contains("KeyedRateLimiter<Int>"))
    #expect(manager.policy(KeyedRateLimiter<String>.self, named: "peers") === peers)
  }

  @Test func `A policy made elsewhere can be registered once`() throws {
    let manager = self.manager()
    let policy = try Timeout(name: "round", options: TimeoutOptions(limit: .seconds(1)))
    #expect(try manager.register(policy) === policy)
    #expect(try manager.register(policy) === policy)
    let same = try Timeout(name: "round", options: TimeoutOptions(limit: .seconds(1)))
    #expect(try manager.register(same) === policy)
    let other = try Timeout(name: "round", options: TimeoutOptions(limit: .seconds(2)))
    #expect(throws: ManagerError.self) { try manager.register(other) }
  }

  @Test func `A bad option is refused with the policy's name and the field`() throws {
    let manager = self.manager()
    let error = #expect(throws: ManagerError.self) {
      try manager.circuitBreaker("peers", CircuitBreakerOptions(failureThreshold: .nan))
    }
    #expect("\(error, default: "nothing")".contains("circuitBreaker \"peers\": failureThreshold is nan"))
    #expect(manager.policy(CircuitBreaker.self, named: "peers") == nil)
  }

  @Test func `Options are replaced in place, and a bad value changes nothing`() throws {
    let manager = self.manager()
    let limiter = try manager.rateLimiter("votes", RateLimiterOptions(rate: 10, burst: 5))
    try manager.reconfigure(RateLimiter.self, named: "votes", options: RateLimiterOptions(rate: 10, burst: 7))
    #expect(limiter.options.burst == 7)
    #expect(throws: ManagerError.self) {
      try manager.reconfigure(
        RateLimiter.self,
        named: "votes",
        options: RateLimiterOptions(rate: -1, burst: 7)
      )
    }
    #expect(limiter.options.rate == 10)
    let unknown = #expect(throws: ManagerError.self) {
      try manager.reconfigure(RateLimiter.self, named: "blocks", options: RateLimiterOptions())
    }
    #expect(unknown == .unknown(kind: .rateLimiter, name: "blocks"))
    #expect("\(unknown, default: "nothing")" == "there is no rateLimiter named \"blocks\"")
  }

  @Test func `A policy that was removed is gone from the manager and works on`() throws {
    let manager = self.manager()
    let breaker = try manager.circuitBreaker("peers")
    #expect(manager.remove(CircuitBreaker.self, named: "peers") === breaker)
    #expect(manager.remove(CircuitBreaker.self, named: "peers") == nil)
    #expect(manager.stats.circuitBreakers.isEmpty)
    breaker.forceOpen()
    #expect(breaker.state == .forcedOpen)
    #expect(try manager.circuitBreaker("peers") !== breaker)
  }

  @Test func `Three open circuits are still ready by default, four are not`() throws {
    let manager = self.manager()
    for number in 1...4 {
      #expect(manager.readiness().isReady)
      try manager.circuitBreaker("peer-\(number)").forceOpen()
    }
    _ = try manager.circuitBreaker("peer-5")
    let readiness = manager.readiness()
    #expect(!readiness.isReady)
    #expect(readiness.openCircuits == ["peer-1", "peer-2", "peer-3", "peer-4"])
    #expect(manager.readiness(maximumOpenCircuits: 4).isReady)
  }
}

@Suite struct ManagerDefectTests {
  @Test func `A program whose breaks are over is ready, although nobody has called yet`() async throws {
    let clock = VirtualClock()
    let manager = ResilienceManager(clock: clock.policyClock)
    for number in 1...4 {
      let breaker = try manager.circuitBreaker("peer-\(number)")
      for _ in 0..<20 { try? breaker.allow().settle(as: .failure) }
    }
    #expect(!manager.readiness().isReady)
    clock.advance(by: .seconds(3600))
    #expect(manager.readiness().openCircuits == [])
  }

  @Test func `Removing with another kind of key leaves the policy where it is`() throws {
    let manager = ResilienceManager()
    let peers = try manager.keyedRateLimiter("peers", by: String.self, KeyedRateLimiterOptions())
    #expect(manager.remove(KeyedRateLimiter<Int>.self, named: "peers") == nil)
    #expect(manager.policy(KeyedRateLimiter<String>.self, named: "peers") === peers)
  }

  private struct Deaf: PolicyObserver {
    func observe(_ event: PolicyEvent) {}
  }

  @Test func `A manager that is gone is told nothing`() throws {
    let policy = try Timeout(name: "round")
    do {
      let manager = ResilienceManager()
      try manager.register(policy)
      manager.events.addObserver(Deaf())
      #expect(policy.events.hasListeners)
    }
    #expect(!policy.events.hasListeners)
  }

  @Test func `Who reads the events of a policy that is gone comes to their end`() async throws {
    var policy: Timeout? = try Timeout(name: "round")
    let stream = try #require(policy).events.stream()
    let reader = Task { await stream.reduce(into: 0) { count, _ in count += 1 } }
    try policy?.reconfigure(TimeoutOptions(limit: .seconds(2)))
    policy = nil
    #expect(await reader.value == 1)
  }
}

@Suite struct ManagerStatsTests {
  @Test func `The JSON is what Foundation reads back, and the same each time`() throws {
    let manager = ResilienceManager(clock: VirtualClock().policyClock)
    for number in 0..<5 {
      _ = try manager.circuitBreaker("peer \"\(number)\"\n\u{1}é")
      _ = try manager.bulkhead("b\(number)", BulkheadOptions(maximumConcurrent: 3))
      _ = try manager.rateLimiter("l\(number)", RateLimiterOptions(rate: 10, burst: 5))
    }
    let json = manager.stats.json
    #expect(json == manager.stats.json)
    let read = try JSONDecoder().decode(ManagerStats.self, from: Data(json.utf8))
    #expect(read == manager.stats)
    #expect(json.contains("\"maximum\":3"))
  }

  /// Values that the statistics of today do not have, but those of tomorrow may.
  private struct Everything: Codable, Hashable {
    struct Nested: Codable, Hashable {
      var list = [[1, 2], []]
      var flags = [true, false]
      var nothing: Int?
      var texts: [String?] = ["a", nil]
    }
    var nested = Nested()
    var small: Int8 = -8, byte: UInt8 = 8, short: Int16 = -16, word: UInt16 = 16
    var int: Int32 = -32, unsigned: UInt32 = 32, long: Int64 = .min, huge: UInt64 = .max, machine: UInt = 1
    var float: Float = 0.5, double = -1e-300
    var keyed = ["z": 1, "a": 2]
    var tab = "\t\r\\"
  }

  @Test func `Every kind of value keeps its meaning`() throws {
    let json = try JSONText.encode(Everything())
    #expect(try JSONDecoder().decode(Everything.self, from: Data(json.utf8)) == Everything())
    #expect(json.contains(#""keyed":{"a":2,"z":1}"#))
  }

  private final class Animal: Encodable {
    enum Keys: String, CodingKey { case name, parts, nothing, inner, more }

    func encode(to encoder: any Encoder) throws {
      var container = encoder.container(keyedBy: Keys.self)
      try container.encodeNil(forKey: .nothing)
      var parts = container.nestedUnkeyedContainer(forKey: .parts)
      try parts.encodeNil()
      try parts.encode(1)
      var deep = parts.nestedContainer(keyedBy: Keys.self)
      try deep.encode("ear", forKey: .name)
      var list = parts.nestedUnkeyedContainer()
      try list.encode(2)
      try "super".encode(to: parts.superEncoder())
      #expect(parts.count == 5)
      var inner = container.nestedContainer(keyedBy: Keys.self, forKey: .inner)
      try inner.encode(true, forKey: .name)
      try "one".encode(to: container.superEncoder())
      try "two".encode(to: container.superEncoder(forKey: .more))
      #expect(encoder.codingPath.isEmpty && encoder.userInfo.isEmpty)
    }
  }

  @Test func `Containers of containers come out where they belong`() throws {
    let expected =
      #"{"inner":{"name":true},"more":"two","nothing":null,"parts":[null,1,{"name":"ear"},[2],"super"],"super":"one"}"#
    #expect(try JSONText.encode(Animal()) == expected)
  }

  @Test func `A number that JSON has no word for is an error`() {
    #expect(throws: EncodingError.self) { try JSONText.encode(["rate": Double.infinity]) }
    #expect(throws: EncodingError.self) { try JSONText.encode([Double.nan]) }
  }
}

@Suite struct ManagerEventsTests {
  private final class Counter: PolicyObserver {
    let names = Mutex<[String]>([])
    func observe(_ event: PolicyEvent) { self.names.withLock { $0.append(event.policy) } }
  }

  @Test func `An observer hears of all policies, the later ones too, and not of those that left`() throws {
    let manager = ResilienceManager(clock: VirtualClock().policyClock)
    let early = try manager.circuitBreaker("early")
    let counter = Counter()
    let id = manager.events.addObserver(counter)
    let late = try manager.circuitBreaker("late")
    early.forceOpen()
    late.forceOpen()
    manager.remove(CircuitBreaker.self, named: "early")
    early.reset()
    manager.events.removeObserver(id)
    late.reset()
    #expect(counter.names.withLock { $0 } == ["early", "late"])
  }

  @Test func `A policy is listened to only while somebody listens to the manager`() throws {
    let manager = ResilienceManager(clock: VirtualClock().policyClock)
    let breaker = try manager.circuitBreaker("peers")
    let first = Counter()
    let second = Counter()
    let one = manager.events.addObserver(first)
    let two = manager.events.addObserver(second)
    breaker.forceOpen()
    manager.events.removeObserver(one)
    breaker.reset()
    manager.events.removeObserver(two)
    breaker.disable()
    let three = manager.events.addObserver(first)
    breaker.reset()
    manager.events.removeObserver(three)
    #expect(first.names.withLock { $0.count } == 2)
    #expect(second.names.withLock { $0.count } == 2)
  }

  @Test func `A manager that is let go does not linger in its policies`() throws {
    weak var forgotten: ResilienceManager?
    let policy = try Timeout(name: "round")
    do {
      let manager = ResilienceManager()
      try manager.register(policy)
      manager.events.addObserver(Counter())
      forgotten = manager
    }
    #expect(forgotten == nil)
    try policy.reconfigure(TimeoutOptions(limit: .seconds(2)))
  }

  @Test func `Many threads may register, look up and remove at once`() async throws {
    let manager = ResilienceManager()
    manager.events.addObserver(Counter())
    await withTaskGroup(of: Void.self) { group in
      for worker in 0..<8 {
        group.addTask {
          for round in 0..<200 {
            let name = "policy-\((worker + round) % 5)"
            let policy = try? manager.bulkhead(name, BulkheadOptions(maximumConcurrent: 2))
            #expect(policy?.name == name)
            if round % 7 == 0 { manager.remove(Bulkhead.self, named: name) }
            _ = manager.stats
            _ = manager.readiness()
          }
        }
      }
    }
    #expect(manager.stats.bulkheads.count <= 5)
  }
}
