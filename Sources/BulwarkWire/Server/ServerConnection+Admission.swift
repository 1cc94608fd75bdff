public import BulwarkCore
public import BulwarkHTTP2

/// What a queueing gate lets a call wait for.
public typealias AdmissionWait = @Sendable () async throws(RPCError) -> (any AdmissionPermit)?

// Gates: asked when the headers of a call are complete; the permits that they give out are kept until it is over.
extension ServerConnection {
  /// Asks the gates of a call, in order. The first that rejects it ends it, and the others get back what they gave.
  ///
  /// - Parameter call: the call; left with the deadline that the gates allow it.
  /// - Returns: what it holds, if anything.
  /// - Throws: the status of the call if it was rejected.
  func admit(_ call: inout ArrivingCall, _ gates: [any AdmissionGate]) throws(RPCError) -> HeldPermits? {
    var held: HeldPermits?
    for index in gates.indices {
      let admission = gates[index].admit(&call)
      switch consume admission {
      case .admitted: break
      case .holding(let permit): self.emptyPermits(&held).add(permit)
      case .waiting(let wait): self.emptyPermits(&held).add(wait)
      case .rejected(let error):
        if let held { self.settle(held, .withdrawn) }
        throw error
      }
    }
    return held
  }

  private func emptyPermits(_ held: inout HeldPermits?) -> HeldPermits {
    if let held { return held }
    let empty = self.sparePermits.popLast() ?? HeldPermits()
    held = empty
    return empty
  }

  /// What the task of a call has to wait for before its handler may begin, in order. The permits that come of it go
  /// to `hold`.
  public func takeWaits(of id: HTTP2StreamID) -> [AdmissionWait] {
    self.permits(of: id)?.takeWaits() ?? []
  }

  /// Keeps a permit that a started call has waited for, until that call is over.
  public func hold(_ permit: any AdmissionPermit, for id: HTTP2StreamID) {
    self.permits(of: id)?.add(permit)
  }

  private func permits(of id: HTTP2StreamID) -> HeldPermits? {
    self.streams[id]?.permits ?? self.orphanedPermits[id]
  }

  /// Takes the permits of a call back whose stream is closed, unless its handler still runs.
  func releasePermits(of stream: ServerStream, isClean: Bool) {
    guard let held = stream.permits.take() else { return }
    held.streamClosed(isClean: isClean)
    if let outcome = held.finalOutcome {
      self.settle(held, outcome)
    } else {
      self.orphanedPermits[stream.call.id] = held
    }
  }

  /// Takes the permits of a call back whose handler has returned, if its stream is closed.
  func releasePermits(ofReturned id: HTTP2StreamID) {
    guard let held = self.permits(of: id) else { return }
    held.isHandlerRunning = false
    guard let outcome = held.finalOutcome else { return }
    self.orphanedPermits[id] = nil
    self.settle(held, outcome)
  }

  private func settle(_ held: consuming HeldPermits, _ outcome: AdmissionOutcome) {
    held.settle(outcome)
    if self.sparePermits.count < Self.maxSparePermits { self.sparePermits.append(held) }
  }

  /// Calls beyond these make theirs anew.
  private static let maxSparePermits = 64

  /// How many calls hold permits.
  package var callsWithPermits: Int {
    self.orphanedPermits.count + self.streams.values.count { $0.permits != nil }
  }
}
