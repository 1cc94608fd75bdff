import BulwarkCore
import BulwarkResilience
import Synchronization

/// Ends streams on which no message goes either way for too long.
struct IdleStreamInterceptor: Interceptor {
  let policies: Policies

  func applies(to method: MethodDescriptor) -> Bool { method.kind != .unary }

  func bound(to method: MethodDescriptor) -> any Interceptor {
    BoundIdleStreams(slot: self.policies.serverSlot(for: method), clock: self.policies.manager.clock)
  }

  func intercept(_ request: CallRequest, next: NextCall) async throws(RPCError) -> CallResponse {
    try await self.bound(to: request.method).intercept(request, next: next)
  }
}

private struct BoundIdleStreams: Interceptor {
  let slot: PlanSlot<ServerPlan>
  let clock: PolicyClock

  func intercept(_ request: CallRequest, next: NextCall) async throws(RPCError) -> CallResponse {
    guard let limit = self.slot.current?.idleTimeout else { return try await next(request) }
    let clock = self.clock
    let activity = StreamActivity(at: clock.nanoseconds)
    var request = request
    request.onRequestMessage { _ in activity.note(clock.nanoseconds) }
    request.onResponseMessage { _ in activity.note(clock.nanoseconds) }
    return try await withoutActuallyEscaping(next) { [request] next in
      await Self.run(request, next, activity, limit, clock)
    }.get()
  }

  private static func run(
    _ request: CallRequest,
    _ next: @escaping NextCall,
    _ activity: StreamActivity,
    _ limit: Duration,
    _ clock: PolicyClock
  ) async -> Result<CallResponse, RPCError> {
    await withTaskGroup(of: Result<CallResponse, RPCError>?.self) { group in
      group.addTask {
        do throws(RPCError) {
          return .success(try await next(request))
        } catch {
          return .failure(error)
        }
      }
      group.addTask {
        await activity.waitUntilIdle(for: limit.saturatedNanoseconds, on: clock)
        return nil
      }
      var isIdle = false
      while let end = await group.next() {
        group.cancelAll()
        guard let end else {
          isIdle = true
          continue
        }
        return isIdle ? .failure(.idle(for: limit)) : end
      }
      return .failure(.cancelledByCaller)
    }
  }
}

/// When a stream had its last message.
private final class StreamActivity: Sendable {
  private let last: Atomic<Int64>

  init(at now: Int64) {
    self.last = Atomic(now)
  }

  func note(_ now: Int64) {
    self.last.store(now, ordering: .relaxed)
  }

  /// Returns when nothing was noted for so long, or when the task is cancelled.
  func waitUntilIdle(for limit: Int64, on clock: PolicyClock) async {
    while true {
      let (end, overflow) = self.last.load(ordering: .relaxed).addingReportingOverflow(limit)
      guard clock.nanoseconds < (overflow ? .max : end) else { return }
      guard (try? await clock.sleep(until: .init(nanoseconds: overflow ? .max : end))) != nil else { return }
    }
  }
}

extension RPCError {
  fileprivate static func idle(for limit: Duration) -> RPCError {
    RPCError(
      code: .deadlineExceeded,
      message: "no message went either way for \(limit.policyText), the stream's idle_timeout",
      origin: .policy
    )
  }
}
