public import Synchronization

/// A rate limit for each key by itself: for each peer, say, so that a loud one takes nothing from the others.
///
/// ```swift
/// let limiter = try KeyedRateLimiter<PeerID>(name: "votes", options: .init(rate: 68, burst: 100))
/// guard limiter.tryAcquire(for: peer) else { throw Overloaded() }
/// ```
///
/// For each key what is said of ``RateLimiter`` holds. The memory is bounded: at most
/// ``KeyedRateLimiterOptions/maximumKeys`` keys can owe permits at a time. One that owes nothing is forgotten when its
/// place is needed; one that owes never is, since it would come back with a full bucket. So a flood of fresh keys
/// cannot wash a debtor's record away. It can fill all places: then the keys that are known go on as before, and new
/// ones are refused until somebody has paid, which takes `1 / rate` seconds for a key that came once.
///
/// Nobody waits: ``timeUntil(_:for:)`` tells how long it would take. Safe to use from any thread; each request takes
/// the lock of its key's shard for a moment.
public final class KeyedRateLimiter<Key: Hashable & Sendable>: Sendable {
  @usableFromInline
  struct Shard: Sendable {
    @usableFromInline var machine: KeyedRateLimiterMachine<Key>
    @usableFromInline var admitted = 0
    @usableFromInline var refused = 0
    @usableFromInline var refusedForRoom = 0
    /// Else two shards would have a cache line in common.
    private let padding: InlineArray<8, UInt64> = .init(repeating: 0)

    init(machine: KeyedRateLimiterMachine<Key>) {
      self.machine = machine
    }
  }

  /// What the limiter is called in errors, events and statistics.
  public let name: String
  /// Refusals, and changes of the settings.
  public let events = PolicyEvents()
  /// What it measures time with.
  @usableFromInline package let clock: PolicyClock
  private let settings: Mutex<KeyedRateLimiterOptions>
  @usableFromInline let shardCount: Int
  @usableFromInline let shards: InlineArray<16, Mutex<Shard>>

  /// A limiter that knows no key yet.
  ///
  /// - Throws: ``InvalidOption`` that names the field, its value and what is allowed.
  public init(
    name: String,
    options: KeyedRateLimiterOptions = KeyedRateLimiterOptions(),
    clock: PolicyClock = .system
  ) throws(InvalidOption) {
    try options.validate()
    self.name = name
    self.clock = clock
    self.settings = Mutex(options)
    let count = Self.shardCount(for: options.maximumKeys)
    self.shardCount = count
    let machine = RateLimiterMachine(rate: options.rate, burst: options.burst, anchor: clock.nanoseconds)
    self.shards = InlineArray { index in
      let limit = Self.share(of: options.maximumKeys, at: index, among: count)
      return Mutex(Shard(machine: KeyedRateLimiterMachine(machine: machine, limit: limit)))
    }
  }

  // MARK: - At once

  /// Takes permits of a key if they are there. Fewer than one cost nothing.
  @inlinable
  public func tryAcquire(_ permits: Int = 1, for key: Key) -> Bool {
    let now = self.clock.nanoseconds
    guard let refusal = self.take(Int64(permits), for: key, at: now) else { return true }
    self.announce(refusal, at: now)
    return false
  }

  /// Runs the operation if its key has the permits. They are spent however it ends.
  ///
  /// - Parameters:
  ///   - key: Whose permits.
  ///   - permits: What the operation costs. Fewer than one cost nothing.
  ///   - operation: Runs at most once, in the caller's isolation.
  @inlinable
  public func run<Value: ~Copyable, Failure: Error>(
    for key: Key,
    permits: Int = 1,
    _ operation: () async throws(Failure) -> Value
  ) async throws(PolicyError<Failure>) -> Value {
    let now = self.clock.nanoseconds
    if let refusal = self.take(Int64(permits), for: key, at: now) {
      self.announce(refusal, at: now)
      throw .rejected(refusal.rejection(by: self.name, kind: .keyedRateLimiter))
    }
    do {
      return try await operation()
    } catch {
      throw .operation(error)
    }
  }

  /// Takes whatever a key has left.
  ///
  /// - Returns: Whether it did; false for a new key that there is no place for, which is refused anyhow.
  @discardableResult
  public func drain(_ key: Key) -> Bool {
    let now = self.clock.nanoseconds
    return self.withShard(of: key) { $0.machine.drain(key, at: now) }
  }

  // MARK: - How it stands

  /// How many permits a key can take at once, if there is a place for it.
  public func remaining(for key: Key) -> Int {
    let now = self.clock.nanoseconds
    return self.withShard(of: key) { shard in
      Int(shard.machine.machine.remaining(tat: shard.machine.tat(of: key), at: now))
    }
  }

  /// How long until a key can have so many permits: zero if now, `nil` if never, because they are more than the burst.
  /// Takes nothing.
  public func timeUntil(_ permits: Int = 1, for key: Key) -> Duration? {
    let now = self.clock.nanoseconds
    let outcome = self.withShard(of: key) { shard in
      shard.machine.machine.take(Int64(permits), tat: shard.machine.tat(of: key), at: now)
    }
    switch outcome {
    case .admit: return .zero
    case .refuse(let refusal): return refusal.retryAfter < 0 ? nil : .nanoseconds(refusal.retryAfter)
    }
  }

  /// The counters of all keys.
  public var stats: KeyedRateLimiterStats {
    var stats = KeyedRateLimiterStats(
      admitted: 0,
      refused: 0,
      refusedForRoom: 0,
      keys: 0,
      maximumKeys: self.options.maximumKeys
    )
    for index in 0..<self.shardCount {
      self.shards[index].withLock { shard in
        stats.admitted &+= shard.admitted
        stats.refused &+= shard.refused
        stats.refusedForRoom &+= shard.refusedForRoom
        stats.keys += shard.machine.count
      }
    }
    return stats
  }

  // MARK: - Settings

  /// The settings in force.
  public var options: KeyedRateLimiterOptions { self.settings.withLock { $0 } }

  /// Replaces the settings. Each key keeps what it owes, counted in permits.
  ///
  /// The number of shards stays what it was: a limiter made for up to 1,024 keys has one lock, however many it is
  /// allowed later, and one with 16 shards cannot be held to fewer than 16 keys.
  ///
  /// - Throws: ``InvalidOption``, also if `maximumKeys` is below the number of shards; the settings then stay as they
  ///   were.
  public func reconfigure(_ options: KeyedRateLimiterOptions) throws(InvalidOption) {
    try options.validate()
    try OptionCheck.integer("maximumKeys", options.maximumKeys, in: self.shardCount...10_000_000)
    let now = self.clock.nanoseconds
    self.settings.withLock { settings in
      settings = options
      for index in 0..<self.shardCount {
        let limit = Self.share(of: options.maximumKeys, at: index, among: self.shardCount)
        self.shards[index].withLock { shard in
          shard.machine.reconfigure(rate: options.rate, burst: options.burst, limit: limit, at: now)
        }
      }
    }
    self.events.emit(self.event(.reconfigured, at: now))
  }

  // MARK: - For the other policies

  /// Takes cells of a key, or says why not, and counts which. Fewer than one cost nothing. The listeners are not told of a
  /// refusal unless ``announce(_:at:)`` does it.
  ///
  /// - Parameter now: The present on the limiter's ``clock``, in nanoseconds.
  @inlinable
  package func take(_ cells: Int64, for key: Key, at now: Int64) -> Refusal? {
    self.withShard(of: key) { shard in
      switch shard.machine.take(cells, for: key, at: now) {
      case .admitted:
        shard.admitted &+= 1
        return nil
      case .refused(let refusal):
        shard.refused &+= 1
        return refusal
      case .noRoom(let wait):
        shard.refused &+= 1
        shard.refusedForRoom &+= 1
        return Refusal(.rateLimited, retryAfter: wait)
      }
    }
  }

  /// Gives back cells that a key took at the instant `taken`, because another policy refused: as many of them as have
  /// not drained since.
  package func refund(_ cells: Int64, for key: Key, taken: Int64, at now: Int64) {
    self.withShard(of: key) { shard in
      shard.admitted &-= 1
      shard.machine.refund(cells, for: key, taken: taken, at: now)
    }
  }

  /// Tells a refusal of ``take(_:for:at:)`` to whoever listens.
  @usableFromInline
  package func announce(_ refusal: Refusal, at now: Int64) {
    self.events.emit(
      self.event(
        .rejected(
          refusal.reason,
          retryAfter: refusal.rejection(by: self.name, kind: .keyedRateLimiter).retryAfter
        ),
        at: now
      )
    )
  }

  private func event(_ occurrence: PolicyEvent.Occurrence, at now: Int64) -> PolicyEvent {
    PolicyEvent(
      kind: .keyedRateLimiter,
      policy: self.name,
      instant: PolicyClock.Instant(nanoseconds: now),
      occurrence: occurrence
    )
  }

  // MARK: - Shards

  @inlinable
  func withShard<Result>(of key: Key, _ body: (inout Shard) -> Result) -> Result {
    // The upper half of the hash: the lower one orders the dictionary within the shard.
    let index = (key.hashValue >> 32) & (self.shardCount - 1)
    return self.shards[index].withLock { body(&$0) }
  }

  /// A power of two, so that each shard has room for some hundreds of keys and the hash fills them about evenly.
  private static func shardCount(for keys: Int) -> Int {
    var count = 1
    while count < 16, keys / count > 1_024 { count *= 2 }
    return count
  }

  private static func share(of keys: Int, at index: Int, among count: Int) -> Int {
    keys / count + (index < keys % count ? 1 : 0)
  }
}
