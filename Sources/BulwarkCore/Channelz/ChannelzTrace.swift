/// The latest events of a channel, subchannel or server, and how many there were.
package struct ChannelzTrace: Sendable {
  package enum Severity: Sendable {
    case info
    case warning
  }

  package struct Event: Sendable {
    package var description: String
    package var severity: Severity
    package var instant: MonotonicInstant
    /// The subchannel that the event is about, if it is about one.
    package var subchannel: Int64?
  }

  /// How many events are kept: 30, as in gRPC for Go.
  package static let capacity = 30

  /// When the entity was made.
  package let creation: MonotonicInstant

  /// How many events there were, those that are not kept included.
  package private(set) var eventsLogged: Int64 = 0

  /// The latest events, the oldest first.
  package private(set) var events: [Event] = []

  init(creation: MonotonicInstant) {
    self.creation = creation
  }

  mutating func note(
    _ description: String,
    _ severity: Severity = .info,
    at instant: MonotonicInstant,
    subchannel: Int64? = nil
  ) {
    self.eventsLogged += 1
    if self.events.count == Self.capacity { self.events.removeFirst() }
    self.events.append(
      Event(description: description, severity: severity, instant: instant, subchannel: subchannel)
    )
  }

  /// The connectivity is another one.
  mutating func note(_ state: ConnectivityState, _ reason: RPCError?, at instant: MonotonicInstant) {
    let reason = reason.map { ": \($0.message)" } ?? ""
    let severity: Severity = state == .transientFailure ? .warning : .info
    self.note("connectivity changed to \(state.name)\(reason)", severity, at: instant)
  }
}

extension ConnectivityState {
  /// As gRPC spells it.
  fileprivate var name: String {
    switch self {
    case .idle: "IDLE"
    case .connecting: "CONNECTING"
    case .ready: "READY"
    case .transientFailure: "TRANSIENT_FAILURE"
    case .shutdown: "SHUTDOWN"
    }
  }
}
