import BulwarkCore

/// What one endpoint has reported of its load, as a weight (gRFC A58).
struct EndpointWeight: Hashable, Sendable {
  private var weight = 0.0
  private var lastReport: MonotonicInstant?
  /// The first report of those that have come without a break.
  private var reportsSince: MonotonicInstant?

  /// The endpoint was connected: what it reported before may be another process's.
  mutating func becameReady() {
    self.reportsSince = nil
  }

  /// weight = queries / (utilization + errors / queries x penalty); a report without queries or utilization says nothing.
  mutating func report(_ load: LoadReport, penalty: Double, now: MonotonicInstant) {
    guard load.queriesPerSecond > 0, load.utilization > 0 else { return }
    let errorShare = max(load.errorsPerSecond, 0) / load.queriesPerSecond
    let weight = load.queriesPerSecond / (load.utilization + errorShare * penalty)
    guard weight > 0, weight.isFinite else { return }
    self.weight = weight
    self.lastReport = now
    if self.reportsSince == nil { self.reportsSince = now }
  }

  /// The weight to be used; zero if there is none.
  mutating func value(blackout: Int64, expiration: Int64, now: MonotonicInstant) -> Double {
    guard let lastReport else { return 0 }
    guard now < lastReport.advanced(byNanoseconds: expiration) else {
      self.lastReport = nil
      self.reportsSince = nil
      return 0
    }
    guard blackout > 0 else { return self.weight }
    guard let reportsSince, now >= reportsSince.advanced(byNanoseconds: blackout) else { return 0 }
    return self.weight
  }
}
