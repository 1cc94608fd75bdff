import BulwarkCore

/// What one admitted call holds, from its headers to its end.
///
/// A call is over when its stream is closed, so that the last byte is out or none can go any more, and its handler
/// has returned, which may be much later.
///
/// A class, which a connection uses again for later calls: kept as a value in a table it was copied, permit and all, five
/// times a call, which cost more than the policies that gave the permit.
final class HeldPermits {
  // Free of dynamic exclusivity checks, which were a fifth of what policies cost a call: it is used on the loop, and no
  // access lasts for longer than the statement that makes it.

  // One permit is the common case, and costs no array.
  @exclusivity(unchecked) private var first: (any AdmissionPermit)?
  @exclusivity(unchecked) private var others: [any AdmissionPermit] = []

  /// What the call still has to wait for.
  @exclusivity(unchecked) private var waits: [AdmissionWait] = []

  /// The status that the call was answered with, if it was.
  @exclusivity(unchecked) var status: StatusCode?
  @exclusivity(unchecked) var isHandlerRunning = false
  @exclusivity(unchecked) private var outcome: AdmissionOutcome?

  func add(_ permit: consuming any AdmissionPermit) {
    if self.first == nil {
      self.first = permit
    } else {
      self.others.append(permit)
    }
  }

  func add(_ wait: @escaping AdmissionWait) {
    self.waits.append(wait)
  }

  var hasWaits: Bool { !self.waits.isEmpty }

  func takeWaits() -> [AdmissionWait] {
    guard !self.waits.isEmpty else { return [] }
    defer { self.waits = [] }
    return self.waits
  }

  /// Nothing of the response can go out any more.
  func streamClosed(isClean: Bool) {
    self.outcome = self.outcome ?? (isClean ? self.status.map { .answered($0) } : nil) ?? .abandoned
  }

  /// How the call ended, once it is over.
  var finalOutcome: AdmissionOutcome? { self.isHandlerRunning ? nil : self.outcome }

  /// Gives everything back, and is as new.
  func settle(_ outcome: AdmissionOutcome) {
    let (first, others) = (self.first.take(), self.others)
    if !others.isEmpty { self.others = [] }
    self.waits = []
    self.status = nil
    self.isHandlerRunning = false
    self.outcome = nil
    first?.settle(outcome)
    for permit in others {
      permit.settle(outcome)
    }
  }
}
