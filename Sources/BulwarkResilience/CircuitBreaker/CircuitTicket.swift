/// What an admitted call carries, and hands back when it settles: plain values, so that it costs nothing to hold.
@usableFromInline
package struct CircuitTicket: Hashable, Sendable {
  /// When the call was admitted.
  package var start: Int64
  /// The generation that the call was admitted in, and counts in; 0 for a call that counts nowhere.
  var generation: UInt32
  /// Which probe of its generation it is, from 1; 0 for a call that is none.
  var probe: UInt32 = 0

  /// A ticket whose outcome counts nowhere, for instance where there is no breaker.
  package static func uncounted(at now: Int64) -> CircuitTicket {
    CircuitTicket(start: now, generation: 0)
  }
}

/// A circuit breaker's answer to a call that wants to start.
package enum CircuitAdmission: Hashable, Sendable {
  /// The call may start; the ticket is settled once.
  case admitted(CircuitTicket)
  /// It may not.
  case refused(Refusal)
}
