import Bulwark

/// A call that is over.
struct CallRecord: Sendable {
  let outcome: CallOutcome
  let duration: Duration

  /// The status, nil for OK.
  let code: StatusCode?

  /// When whoever refused it said to come back (`grpc-retry-pushback-ms`).
  let pushback: Duration?

  /// Makes a call, and notes what became of it.
  static func of(_ call: () async throws(RPCError) -> Void) async -> CallRecord {
    let started = ContinuousClock.now
    do throws(RPCError) {
      try await call()
      return CallRecord(outcome: .answered, duration: started.duration(to: .now), code: nil, pushback: nil)
    } catch {
      let duration = started.duration(to: .now)
      return CallRecord(
        outcome: CallOutcome(error),
        duration: duration,
        code: error.code,
        pushback: error.metadata["grpc-retry-pushback-ms"].flatMap(Int64.init).map { .milliseconds($0) }
      )
    }
  }
}

/// A call that a scene makes again and again.
typealias SceneCall = @Sendable () async throws(RPCError) -> Void

/// Makes calls all at once.
///
/// - Parameter each: hears of each call as it ends.
func together(_ count: Int, each: (CallRecord) -> Void = { _ in }, _ call: @escaping SceneCall) async -> Tally
{
  await withTaskGroup(of: CallRecord.self) { group in
    for _ in 0..<count {
      group.addTask { await CallRecord.of(call) }
    }
    var tally = Tally()
    for await record in group {
      each(record)
      tally.add(record)
    }
    return tally
  }
}

/// Begins a call after each interval, whatever became of those before.
func paced(_ count: Int, every interval: Duration, _ call: @escaping SceneCall) async -> Tally {
  await withTaskGroup(of: CallRecord.self) { group in
    let start = ContinuousClock.now
    var tally = Tally()
    for index in 0..<count {
      group.addTask {
        try? await Task.sleep(until: start.advanced(by: interval * index))
        return await CallRecord.of(call)
      }
    }
    for await record in group { tally.add(record) }
    return tally
  }
}
