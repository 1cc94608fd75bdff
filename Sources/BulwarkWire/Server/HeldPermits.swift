import BulwarkCore

/// What one admitted call holds, from its headers to its end.
///
/// A call is over when its stream is closed, so that the last byte is out or none can go any more, and its handler
/// has returned, which may be much later.
struct HeldPermits {
  // One permit is the common case, and costs no array.
  private var first: (any AdmissionPermit)?
  private var others: [any AdmissionPermit] = []

  /// What the call still has to wait for.
  private var waits: [AdmissionWait] = []

  /// The status that the call was answered with, if it was.
  var status: StatusCode?
  var isHandlerRunning = false
  private var outcome: AdmissionOutcome?

  var isEmpty: Bool { self.first == nil && self.waits.isEmpty }

  mutating func add(_ permit: any AdmissionPermit) {
    if self.first == nil {
      self.first = permit
    } else {
      self.others.append(permit)
    }
  }

  mutating func add(_ wait: @escaping AdmissionWait) {
    self.waits.append(wait)
  }

  mutating func takeWaits() -> [AdmissionWait] {
    defer { self.waits = [] }
    return self.waits
  }

  /// Nothing of the response can go out any more.
  mutating func streamClosed(isClean: Bool) {
    self.outcome = self.outcome ?? (isClean ? self.status.map { .answered($0) } : nil) ?? .abandoned
  }

  /// How the call ended, once it is over.
  var finalOutcome: AdmissionOutcome? { self.isHandlerRunning ? nil : self.outcome }

  func settle(_ outcome: AdmissionOutcome) {
    self.first?.settle(outcome)
    for permit in self.others {
      permit.settle(outcome)
    }
  }
}
