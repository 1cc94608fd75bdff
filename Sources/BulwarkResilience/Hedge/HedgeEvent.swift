/// What a hedge's child tasks end with.
enum HedgeEvent<Value: Sendable, Failure: Error>: Sendable {
  case succeeded(attempt: Int, Value)
  case failed(PolicyError<Failure>)
  case timerFired(id: Int)
  /// A timer was cancelled, and so was whoever set it.
  case cancelled

  static func attempt(
    _ attempt: Attempt,
    _ operation: @Sendable (Attempt) async throws(PolicyError<Failure>) -> Value
  ) async -> HedgeEvent {
    do throws(PolicyError<Failure>) {
      return .succeeded(attempt: attempt.number, try await operation(attempt))
    } catch {
      return .failed(error)
    }
  }

  static func timer(_ timer: HedgeMachine.Timer, on clock: PolicyClock) async -> HedgeEvent {
    do {
      try await clock.sleep(until: PolicyClock.Instant(nanoseconds: timer.instant))
      return .timerFired(id: timer.id)
    } catch {
      return .cancelled
    }
  }
}
