/// The probes of a half-open circuit: which are under way, and how those that settled went.
struct CircuitProbes: Hashable, Sendable {
  private struct Probe: Hashable, Sendable {
    let number: UInt32
    let leaseEnd: Int64
  }

  private var underWay: [Probe] = []
  private var lastNumber: UInt32 = 0
  private(set) var succeeded: UInt16 = 0
  private(set) var failed: UInt16 = 0

  var underWayCount: UInt16 { UInt16(clamping: self.underWay.count) }

  /// When the lease of the first of those under way runs out; `nil` if there is none.
  var nextLeaseEnd: Int64? { self.underWay.map(\.leaseEnd).min() }

  /// Whether another probe would be admitted now.
  func hasPlace(under settings: CircuitBreakerSettings) -> Bool {
    self.underWayCount < settings.concurrentProbes
      && self.succeeded + self.failed + self.underWayCount < settings.probeLimit
  }

  /// Counts those as failed whose lease has run out. Their places alone would not do: a callee that hangs would be sent
  /// new probes for ever, while those before are still under way.
  mutating func expire(at now: Int64) {
    let before = self.underWay.count
    self.underWay.removeAll { $0.leaseEnd <= now }
    self.failed += UInt16(clamping: before - self.underWay.count)
  }

  /// Gives a place to another probe.
  ///
  /// - Returns: The probe's number; `nil` if there is no place.
  mutating func take(at now: Int64, under settings: CircuitBreakerSettings) -> UInt32? {
    guard self.hasPlace(under: settings) else { return nil }
    // Comes round after four billion probes that all gave their places back; 0 means none.
    self.lastNumber = self.lastNumber == .max ? 1 : self.lastNumber + 1
    let leaseEnd = now.saturatingAdding(settings.probeLeaseNanoseconds)
    self.underWay.append(Probe(number: self.lastNumber, leaseEnd: leaseEnd))
    return self.lastNumber
  }

  /// Counts a probe's outcome; a neutral one gives the place back as if nothing had been.
  ///
  /// - Returns: Whether this probe was still under way.
  mutating func settle(_ number: UInt32, as verdict: Verdict) -> Bool {
    guard let index = self.underWay.firstIndex(where: { $0.number == number }) else { return false }
    self.underWay.swapAt(index, self.underWay.count - 1)
    self.underWay.removeLast()
    switch verdict {
    case .success: self.succeeded += 1
    case .failure: self.failed += 1
    case .neutral: break
    }
    return true
  }
}
