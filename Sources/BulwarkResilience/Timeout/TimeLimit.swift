/// Runs an operation, and cancels it if the clock reaches the deadline first.
///
/// The operation runs in a child task on the caller's actor, so that it alone is cancelled. It is always waited for:
/// one that does not react to its cancellation takes as long as it takes. The caller's cancellation reaches it too.
///
/// - Returns: What the operation returned, or `nil` if it was not done by the deadline.
/// - Throws: What the operation threw before the deadline.
func cancelling<Value, Failure: Error>(
  at deadline: Int64,
  on clock: PolicyClock,
  isolation: isolated (any Actor)? = #isolation,
  _ operation: () async throws(Failure) -> Value
) async throws(Failure) -> Value? {
  // Safe: written by the child task alone, and read once that has ended.
  nonisolated(unsafe) var outcome: Result<Value, Failure>?
  let end = Promise<Bool>()
  let isInTime = await withoutActuallyEscaping(operation) { operation in
    // Safe: the child task has the operation for itself. It runs on the caller's actor, and whoever called waits from
    // before it is suspended first until it has ended, so what the operation captured is never used by two at once.
    nonisolated(unsafe) let operation = operation
    return await withTaskGroup(of: Void.self, isolation: isolation) { group in
      // Started right here: an operation that is done without being suspended changes no thread, and has no timer.
      group.addImmediateTask {
        await perform(operation, isolation: isolation, into: &outcome)
        // Unless the timer has decided already, the clock does: an operation that was never suspended gave it no chance.
        end.answer(clock.nanoseconds < deadline)
      }
      let isInTime = await end.wait(until: deadline, on: clock) { withdrawal in
        // The caller's own cancellation has reached the operation by itself.
        if withdrawal == .deadline { end.answer(false) }
      }
      if !isInTime { group.cancelAll() }
      return isInTime
    }
  }
  return isInTime ? try outcome?.get() : nil
}

private func perform<Value, Failure: Error>(
  _ operation: () async throws(Failure) -> Value,
  isolation: isolated (any Actor)?,
  into outcome: inout Result<Value, Failure>?
) async {
  do {
    outcome = .success(try await operation())
  } catch {
    outcome = .failure(error)
  }
}
