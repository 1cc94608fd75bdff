import BulwarkCore
import BulwarkWire

/// A call that the gates of its method have let in.
struct AdmittedCall {
  let entry: MethodEntry
  let context: CallContext
  var permits: [any AdmissionPermit] = []
  /// What its task begins with waiting for.
  var waits: [AdmissionWait] = []

  /// Asks the gates of a call, in order. The first that rejects it ends it, and the others get back what they gave.
  ///
  /// - Throws: the status of the call if it was rejected.
  init(_ arriving: consuming ArrivingCall, of entry: MethodEntry, time: TimeSource) throws(RPCError) {
    self.entry = entry
    for gate in entry.gates {
      switch gate.admit(&arriving) {
      case .admitted: break
      case .holding(let permit): self.permits.append(permit)
      case .waiting(let wait): self.waits.append(wait)
      case .rejected(let error):
        for permit in self.permits { permit.settle(.withdrawn) }
        throw error
      }
    }
    self.context = arriving.admitted(time: time)
  }

  /// The call ends before its handler has begun.
  func settle(_ code: StatusCode) {
    for permit in self.permits { permit.settle(.answered(code)) }
  }
}
