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

  // One permit is the common case, and costs no array. It is moved, and a flag says whether it is there: to look whether the
  // optional is nil, or to take the permit out of it, would copy the permit with all that it refers to.
  @exclusivity(unchecked) private var first: (any AdmissionPermit)?
  @exclusivity(unchecked) private var holdsFirst = false
  @exclusivity(unchecked) private var others: [any AdmissionPermit] = []

  /// What the call still has to wait for.
  @exclusivity(unchecked) private var waits: [AdmissionWait] = []

  /// The status that the call was answered with, if it was.
  @exclusivity(unchecked) var status: StatusCode?
  @exclusivity(unchecked) var isHandlerRunning = false
  @exclusivity(unchecked) private var outcome: AdmissionOutcome?

  func add(_ permit: consuming any AdmissionPermit) {
    guard !self.holdsFirst else { return self.others.append(permit) }
    self.holdsFirst = true
    self.first = .some(permit)
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
    var first: (any AdmissionPermit)?
    swap(&first, &self.first)
    self.holdsFirst = false
    var others: [any AdmissionPermit] = []
    if !self.others.isEmpty { swap(&others, &self.others) }
    self.waits = []
    self.status = nil
    self.isHandlerRunning = false
    self.outcome = nil
    if let permit = consume first { permit.settle(outcome) }
    for permit in others {
      permit.settle(outcome)
    }
  }
}
