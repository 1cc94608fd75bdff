import BulwarkCore

/// One endpoint as outlier detection sees it.
///
///     in use ──found──▶ ejected ──time is over, or needed for a quorum──▶ in use
///
/// Each ejection is longer than the one before, by the base time; each interval in use takes one step back.
struct WatchedEndpoint: Hashable, Sendable {
  let id: EndpointID
  var stake: UInt64
  var tally = CallTally()
  /// What its connection reported last, told to the balancer or not.
  var latest = EndpointState.idle
  private(set) var ejectedAt: MonotonicInstant?
  private(set) var multiplier: Int64 = 0
  /// Of the last ejection.
  private(set) var badness = 0.0

  init(_ endpoint: BalancedEndpoint) {
    self.id = endpoint.id
    self.stake = endpoint.stake
  }

  var isEjected: Bool { self.ejectedAt != nil }

  /// Calls can go to it.
  var isInUse: Bool { !self.isEjected && self.latest == .ready }

  mutating func eject(badness: Double, now: MonotonicInstant) {
    self.ejectedAt = now
    self.badness = badness
    self.multiplier += 1
  }

  mutating func readmit() {
    self.ejectedAt = nil
  }

  mutating func stepBack() {
    self.multiplier = max(self.multiplier - 1, 0)
  }

  /// Whether it has been left out for long enough.
  func isOver(base: Int64, maximum: Int64, now: MonotonicInstant) -> Bool {
    guard let ejectedAt else { return false }
    let (product, overflow) = base.multipliedReportingOverflow(by: self.multiplier)
    return now > ejectedAt.advanced(byNanoseconds: min(overflow ? .max : product, max(base, maximum)))
  }
}
