/// The time in which things are counted.
struct Window: Sendable {
  let start: ContinuousClock.Instant
  let end: ContinuousClock.Instant

  init(startingIn delay: Duration, lasting length: Duration) {
    self.start = .now + delay
    self.end = self.start + length
  }

  func contains(_ instant: ContinuousClock.Instant) -> Bool {
    instant >= self.start && instant < self.end
  }
}

/// What one caller has counted within its window.
struct Tally {
  private let window: Window
  /// Calls, or messages of streams.
  private(set) var count = 0
  private(set) var latencies = LatencyHistogram()
  /// Calls of the flood that were refused.
  private(set) var refusals = 0

  init(_ window: Window) {
    self.window = window
  }

  /// A message of a stream has gone or come just now.
  mutating func countMessage() {
    if self.window.contains(.now) {
      self.count += 1
    }
  }

  /// A call of the flood was refused just now.
  mutating func countRefusal() {
    if self.window.contains(.now) {
      self.refusals += 1
    }
  }

  /// Something that began at `start` has just ended.
  ///
  /// - Parameter count: how much it adds to the count; nothing if its messages were counted one by one.
  /// - Returns: the time now.
  mutating func ended(_ start: ContinuousClock.Instant, count: Int) -> ContinuousClock.Instant {
    let now = ContinuousClock.now
    guard self.window.contains(now) else { return now }
    self.count += count
    let (seconds, attoseconds) = start.duration(to: now).components
    self.latencies.record(
      nanoseconds: UInt64(clamping: seconds &* 1_000_000_000 &+ attoseconds / 1_000_000_000)
    )
    return now
  }

  mutating func add(_ other: Tally) {
    self.count += other.count
    self.refusals += other.refusals
    self.latencies.add(other.latencies)
  }
}
