package import BulwarkCore

/// When does a channel look its addresses up, and which does it use?
///
///     idle ──start──▶ resolving ──answer──▶ resolved ──request, not too soon; refresh──▶ resolving
///                       │   ▲                    │  ▲
///                failure│   │delay is over       │request, too soon: after the minimum interval
///                       ▼   │                    ▼  │
///                     backingOff               deferred ──▶ resolving
///
/// A failure takes nothing away: what the last answer gave stays in use. While a lookup runs, or is to be tried again
/// after a failure, a request for another changes nothing: its answer will be new enough.
package struct ResolutionMachine: Sendable {
  private enum State: Hashable {
    case idle
    case resolving(since: MonotonicInstant)
    case resolved(since: MonotonicInstant)
    case deferred(until: MonotonicInstant)
    case backingOff(until: MonotonicInstant)
  }

  package enum OnFailure: Hashable, Sendable {
    /// There is nothing to use: calls that do not wait fail with this.
    case fail(RPCError)
    /// Go on with the addresses of the last answer.
    case keep
  }

  private let minimumInterval: Int64
  private let refreshInterval: Int64?
  private var state = State.idle
  private var hasAnswer = false
  /// Whether the lookup that runs may give addresses that are known to be old.
  private var isOutdated = false
  /// Lookups that failed since one was answered.
  private var failures = 0

  package init(options: ResolutionOptions = ResolutionOptions()) {
    self.minimumInterval = options.minimumInterval.saturatedNanoseconds
    self.refreshInterval = options.refreshInterval?.saturatedNanoseconds
  }

  /// When ``timerFired(now:)`` is due; nil for no timer. To be read again after each input.
  package var nextTimer: MonotonicInstant? {
    switch self.state {
    case .idle, .resolving: nil
    case .resolved(let since): self.refreshInterval.map { since.advanced(byNanoseconds: $0) }
    case .deferred(let instant), .backingOff(let instant): instant
    }
  }

  /// The channel is wanted: true if the caller is to look the addresses up now.
  package mutating func start(now: MonotonicInstant) -> Bool {
    guard self.state == .idle else { return false }
    self.state = .resolving(since: now)
    return true
  }

  /// A balancer wants other addresses: true if the caller is to look them up now.
  package mutating func request(now: MonotonicInstant) -> Bool {
    guard case .resolved(let since) = self.state else { return false }
    let earliest = since.advanced(byNanoseconds: self.minimumInterval)
    guard now >= earliest else {
      self.state = .deferred(until: self.nextTimer.map { min($0, earliest) } ?? earliest)
      return false
    }
    self.state = .resolving(since: now)
    return true
  }

  /// Somebody knows that the addresses are other ones: true if the caller is to look them up now. While a lookup runs,
  /// which may have seen the old ones, another follows it.
  package mutating func refresh(now: MonotonicInstant) -> Bool {
    switch self.state {
    case .idle:
      return false
    case .resolving:
      self.isOutdated = true
      return false
    case .resolved, .deferred, .backingOff:
      self.state = .resolving(since: now)
      return true
    }
  }

  /// The instant of ``nextTimer`` has come: true if the caller is to look the addresses up now.
  package mutating func timerFired(now: MonotonicInstant) -> Bool {
    guard let timer = self.nextTimer, now >= timer else { return false }
    self.state = .resolving(since: now)
    return true
  }

  /// The lookup was answered, with at least one address.
  package mutating func resolved() {
    guard case .resolving(let since) = self.state else { return }
    // What is known to be old is used until the next answer, which is due at once.
    self.state = self.isOutdated ? .deferred(until: since) : .resolved(since: since)
    self.isOutdated = false
    self.hasAnswer = true
    self.failures = 0
  }

  /// The lookup failed, or gave no address.
  ///
  /// - Parameter delay: how long to wait after that many failures before this one, jitter included.
  package mutating func failed(_ error: RPCError, now: MonotonicInstant, delay: (_ failures: Int) -> Duration)
    -> OnFailure
  {
    if case .resolving = self.state {
      self.isOutdated = false
      self.state = .backingOff(until: now.advanced(by: delay(self.failures)))
      self.failures += 1
    }
    return self.hasAnswer ? .keep : .fail(error)
  }
}
