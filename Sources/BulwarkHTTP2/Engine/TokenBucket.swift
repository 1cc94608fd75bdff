/// A token bucket in virtual time, as one number (the generic cell rate algorithm, GCRA).
///
/// `arrival` is the theoretical arrival time: the instant at which the bucket will be full again. Taking a token
/// moves it on by one interval, and is refused when that would put it more than the burst ahead of now.
struct TokenBucket: Hashable, Sendable {
  private let interval: Int64
  private let tolerance: Int64
  private var arrival: Int64

  /// A full bucket of `burst` tokens that come back at `perSecond`. Both are positive and at most a million, so
  /// no product here can overflow.
  init(burst: Int, perSecond: Int, now: Int64) {
    self.interval = 1_000_000_000 / Int64(max(perSecond, 1))
    self.tolerance = self.interval * Int64(max(burst, 1) - 1)
    self.arrival = now
  }

  /// Takes a token; false if there is none.
  mutating func take(now: Int64) -> Bool {
    let start = max(self.arrival, now)
    guard start &- now <= self.tolerance else { return false }
    self.arrival = start &+ self.interval
    return true
  }

  /// Puts tokens back; the bucket never holds more than its burst.
  mutating func restore(_ tokens: Int64, now: Int64) {
    self.arrival = max(self.arrival &- self.interval &* tokens, now)
  }
}
