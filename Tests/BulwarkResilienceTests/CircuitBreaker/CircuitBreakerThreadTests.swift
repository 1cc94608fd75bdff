import BulwarkTestKit
import Synchronization
import Testing

@testable import BulwarkResilience

/// The invariants with real parallelism.
@Suite struct CircuitBreakerThreadTests {
  private final class Transitions: PolicyObserver {
    let seen = Mutex<[CircuitTransition]>([])

    func observe(_ event: PolicyEvent) {
      guard case .transitioned(let transition) = event.occurrence else { return }
      self.seen.withLock { $0.append(transition) }
    }
  }

  private final class Shared: Sendable {
    let time = Atomic<Int64>(1_000_000_000)
    let admitted = Atomic<UInt64>(0)
    let refused = Atomic<UInt64>(0)
  }

  @Test func `Every outcome is counted once, in the window and in the totals`() async throws {
    let clock = VirtualClock()
    let breaker = try CircuitBreaker(
      name: "threads",
      options: CircuitBreakerOptions(failureThreshold: 0.9),
      clock: clock.policyClock
    )
    let now = clock.policyClock.nanoseconds
    let workers = 8
    let rounds = 20_000
    await withTaskGroup { group in
      for worker in 0..<workers {
        group.addTask {
          for round in 0..<rounds {
            guard case .admitted(let ticket) = breaker.admit(at: now) else { continue }
            let verdict: Verdict = (round &+ worker).isMultiple(of: 16) ? .failure : .success
            breaker.settle(ticket, as: verdict, at: now)
          }
        }
      }
      group.addTask {
        for _ in 0..<500 { _ = breaker.stats }
      }
    }
    let stats = breaker.stats
    #expect(stats.window.calls == UInt64(workers * rounds))
    #expect(stats.window.failures == UInt64(workers * rounds / 16))
    #expect(stats.totals.successes + stats.totals.failures == stats.window.calls)
    #expect(stats.totals.stale == 0)
  }

  @Test func `What is admitted is settled or stale, through every transition`() async throws {
    let clock = VirtualClock()
    let breaker = try CircuitBreaker(
      name: "threads",
      options: CircuitBreakerOptions(
        window: .milliseconds(10),
        breakDuration: .constant(.microseconds(50)),
        successThreshold: 2,
        recovery: RecoveryRamp(duration: .milliseconds(1))
      ),
      clock: clock.policyClock
    )
    let shared = Shared()
    await withTaskGroup { group in
      for worker in 0..<6 as Range<UInt64> {
        group.addTask {
          var generator = SeededGenerator(seed: worker)
          for round in 0..<8_000 {
            let now = shared.time.wrappingAdd(.random(in: 0...2_000, using: &generator), ordering: .relaxed)
              .newValue
            switch breaker.admit(at: now) {
            case .admitted(let ticket):
              shared.admitted.wrappingAdd(1, ordering: .relaxed)
              // Bad and good stretches in turn, so that it opens and closes.
              let isBad = round % 400 < 100
              let verdict: Verdict = generator.oneIn(20) ? .neutral : isBad ? .failure : .success
              breaker.settle(ticket, as: verdict, at: shared.time.load(ordering: .relaxed))
            case .refused:
              shared.refused.wrappingAdd(1, ordering: .relaxed)
            }
          }
        }
      }
    }
    let totals = breaker.stats.totals
    let settled = totals.successes + totals.failures + totals.neutral + totals.stale
    #expect(settled == shared.admitted.load(ordering: .relaxed))
    #expect(totals.rejections == shared.refused.load(ordering: .relaxed))
    #expect(totals.openings > 0)
  }

  @Test func `A stampede at the end of the break makes one transition, and admits no more than the probes`()
    async throws
  {
    for round in 0..<200 {
      let clock = VirtualClock()
      let breaker = try CircuitBreaker(
        name: "threads",
        options: CircuitBreakerOptions(successThreshold: 3, initialState: .open),
        clock: clock.policyClock
      )
      let transitions = Transitions()
      breaker.events.addObserver(transitions)
      clock.advance(by: .seconds(60))
      let now = clock.policyClock.nanoseconds
      let admitted = await withTaskGroup(of: Int.self) { group in
        for _ in 0..<8 {
          group.addTask {
            (0..<20).count { _ in
              guard case .admitted = breaker.admit(at: now) else { return false }
              return true
            }
          }
        }
        return await group.reduce(0, +)
      }
      #expect(admitted == 3, "round \(round)")
      let expected = CircuitTransition(from: .open, to: .halfOpen, cause: .breakOver, sequence: 1)
      #expect(transitions.seen.withLock { $0 } == [expected], "round \(round)")
      #expect(breaker.stats.totals.rejections == 8 * 20 - 3)
    }
  }

  @Test func `Failures that come at once open it once`() async throws {
    for round in 0..<200 {
      let clock = VirtualClock()
      let breaker = try CircuitBreaker(name: "threads", clock: clock.policyClock)
      let transitions = Transitions()
      breaker.events.addObserver(transitions)
      let now = clock.policyClock.nanoseconds
      await withTaskGroup { group in
        for _ in 0..<8 {
          group.addTask {
            for _ in 0..<10 {
              guard case .admitted(let ticket) = breaker.admit(at: now) else { continue }
              breaker.settle(ticket, as: .failure, at: now)
            }
          }
        }
      }
      #expect(transitions.seen.withLock { $0.map(\.to) } == [.open], "round \(round)")
      #expect(breaker.stats.window.failures == 10)
    }
  }
}
