import BulwarkCore

/// One call between a client and a handler of one process: when it is over, and who is to be told.
///
///     running ──answer, refusal──▶ ended ──handler returned──▶ settled
///        └──── deadline, cancellation ──▲
///
/// `ended` is entered once, by whatever comes first; what the call holds is given back when its handler has returned
/// too.
struct ExchangeMachine {
  enum OnEnd: Equatable {
    /// The call had ended before.
    case ignore
    /// The client is to be told. A handler that goes on is to be cancelled.
    case end(cancelsHandler: Bool)
  }

  private var outcome: AdmissionOutcome?
  private var isHandlerRunning = true

  /// Whether the client has been told how the call ended.
  var hasEnded: Bool { self.outcome != nil }

  /// Whether nothing is left of the call.
  var isSettled: Bool { self.hasEnded && !self.isHandlerRunning }

  /// The handler has answered, with a status of its own: its work is done, even if it has not returned.
  mutating func answered(_ code: StatusCode) -> OnEnd {
    guard self.outcome == nil else { return .ignore }
    self.outcome = .answered(code)
    return .end(cancelsHandler: false)
  }

  /// The call ends while its handler runs: with a status, or (nil) because its client has gone.
  mutating func cutOff(_ code: StatusCode?) -> OnEnd {
    guard self.outcome == nil else { return .ignore }
    self.outcome = code.map { .answered($0) } ?? .abandoned
    return .end(cancelsHandler: self.isHandlerRunning)
  }

  /// The handler has returned: says how the permits of the call are to be settled.
  mutating func handlerReturned() -> AdmissionOutcome {
    self.isHandlerRunning = false
    return self.outcome ?? .abandoned
  }
}
