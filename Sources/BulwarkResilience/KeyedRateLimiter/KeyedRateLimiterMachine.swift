/// The buckets of some keys, in bounded memory: one shard of a ``KeyedRateLimiter``.
///
/// A key is known as long as it owes something. One whose bucket is full again is forgotten when its place is needed,
/// which changes nothing: a fresh bucket is full too. One that owes is never forgotten, so nobody gets a new burst by
/// crowding himself out; when all places are taken by debtors, a new key is refused.
///
/// The places are searched like a clock's face, a few steps for each new key and none for a known one, so that each
/// request costs the same however many keys there are.
///
/// What a request does is inlinable: generic code that is not specialised costs six times as much.
@usableFromInline
struct KeyedRateLimiterMachine<Key: Hashable & Sendable>: Sendable {
  @usableFromInline
  struct Bucket: Sendable {
    @usableFromInline var key: Key
    @usableFromInline var tat: Int64

    @inlinable
    init(key: Key, tat: Int64) {
      self.key = key
      self.tat = tat
    }
  }

  @usableFromInline var machine: RateLimiterMachine
  @usableFromInline var limit: Int
  @usableFromInline var buckets: [Bucket] = []
  @usableFromInline var places: [Key: Int] = [:]
  @usableFromInline var hand = 0
  /// No fresh bucket starts before this: on a clock that goes back, a key that was forgotten gets no second burst.
  @usableFromInline var floor: Int64 = 0

  /// Buckets for at most `limit` keys.
  init(machine: RateLimiterMachine, limit: Int) {
    self.machine = machine
    self.limit = limit
  }

  /// How many keys are known.
  var count: Int { self.buckets.count }

  /// What becomes of a request.
  @usableFromInline
  enum OnTake: Hashable, Sendable {
    case admitted
    case refused(Refusal)
    /// The key is new, and all places belong to debtors; one of them will have paid in so many nanoseconds.
    case noRoom(wait: Int64)
  }

  /// Takes cells from a key's bucket. Fewer than one cost nothing.
  @inlinable
  mutating func take(_ cells: Int64, for key: Key, at now: Int64) -> OnTake {
    let place = self.places[key]
    let tat = place.map { self.buckets[$0].tat } ?? self.floor
    switch self.machine.take(cells, tat: tat, at: now) {
    case .refuse(let refusal):
      return .refused(refusal)
    case .admit(let next):
      guard cells > 0 else { return .admitted }
      if let place {
        self.buckets[place].tat = next
      } else if let wait = self.add(key, tat: next, at: now) {
        return .noRoom(wait: wait)
      }
      return .admitted
    }
  }

  /// Gives back cells that were taken at the instant `taken`, as many as have not drained since.
  mutating func refund(_ cells: Int64, for key: Key, taken: Int64, at now: Int64) {
    guard let place = self.places[key] else { return }
    self.buckets[place].tat = self.machine.refund(
      cells,
      taken: taken,
      tat: self.buckets[place].tat,
      at: now
    )
  }

  /// A key's TAT.
  func tat(of key: Key) -> Int64 {
    self.places[key].map { self.buckets[$0].tat } ?? self.floor
  }

  /// Takes whatever a key has left, if there is a place to remember it in.
  mutating func drain(_ key: Key, at now: Int64) -> Bool {
    let tat = self.machine.drained(tat: self.tat(of: key), at: now)
    guard let place = self.places[key] else { return self.add(key, tat: tat, at: now) == nil }
    self.buckets[place].tat = tat
    return true
  }

  /// Replaces the settings. Every key keeps its debt; with a lower limit, the debtors beyond it stay until they have paid.
  mutating func reconfigure(rate: Double, burst: Int, limit: Int, at now: Int64) {
    let old = self.machine
    (self.machine, self.floor) = old.reconfigured(rate: rate, burst: burst, tat: self.floor, at: now)
    let here = old.position(at: now)
    for index in self.buckets.indices {
      let debt = self.machine.convert(max(self.buckets[index].tat - here, 0), from: old)
      self.buckets[index].tat = self.machine.origin + debt
    }
    self.limit = limit
  }

  /// Adds a key, unless there is no room for it; then tells the wait.
  @inlinable
  mutating func add(_ key: Key, tat: Int64, at now: Int64) -> Int64? {
    if let wait = self.makeRoom(at: now) { return wait }
    self.places[key] = self.buckets.count
    self.buckets.append(Bucket(key: key, tat: tat))
    return nil
  }

  /// Forgets keys that owe nothing, until there is room for another one.
  ///
  /// - Returns: `nil` if there is; otherwise the nanoseconds until the first of those that were looked at will have paid.
  @inlinable
  mutating func makeRoom(at now: Int64) -> Int64? {
    let here = self.machine.position(at: now)
    var earliest = Int64.max
    // Two steps for each key that comes keep the forgotten ahead of the new; where there is no room, a longer look.
    var steps = self.buckets.count < self.limit ? 2 : 32
    while steps > 0, !self.buckets.isEmpty {
      steps -= 1
      if self.hand >= self.buckets.count { self.hand = 0 }
      let tat = self.buckets[self.hand].tat
      if tat <= here {
        self.floor = max(self.floor, tat)
        self.forget(self.hand)
      } else {
        earliest = min(earliest, tat)
        self.hand += 1
      }
    }
    guard self.buckets.count >= self.limit else { return nil }
    guard earliest != .max else { return 1 }
    return max(self.machine.instant(of: earliest).saturatingSubtracting(now), 1)
  }

  @inlinable
  mutating func forget(_ place: Int) {
    let last = self.buckets.count - 1
    self.places[self.buckets[place].key] = nil
    if place != last {
      self.buckets.swapAt(place, last)
      self.places[self.buckets[place].key] = place
    }
    self.buckets.removeLast()
  }
}
