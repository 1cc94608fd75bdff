import BulwarkTestKit
import Testing

@testable import BulwarkResilience

@Suite struct ClockTests {
  @Test func `The system clock goes on`() {
    let clock = PolicyClock.system
    let first = clock.now
    let second = clock.now
    #expect(first <= second)
    #expect(first.nanoseconds > 0)
  }

  @Test func `Instants and durations saturate`() {
    let late = PolicyClock.Instant(nanoseconds: .max - 1)
    let early = PolicyClock.Instant(nanoseconds: .min + 1)
    #expect(late.advanced(by: .seconds(1)).nanoseconds == .max)
    #expect(early.advanced(by: .seconds(-1)).nanoseconds == .min)
    #expect(early.duration(to: late) == .nanoseconds(Int64.max))
    #expect(late.duration(to: early) == .nanoseconds(Int64.min))
    #expect(Duration(secondsComponent: .max, attosecondsComponent: 0).wholeNanoseconds == .max)
    #expect(Duration(secondsComponent: .min, attosecondsComponent: 0).wholeNanoseconds == .min)
  }

  @Test func `A sleeper wakes when its time has come, and not before`() async throws {
    let clock = VirtualClock()
    let policyClock = clock.policyClock
    let start = policyClock.now
    let sleeper = Task {
      try await policyClock.sleep(until: start.advanced(by: .seconds(2)))
      return policyClock.now
    }
    await clock.waitForSleepers()
    clock.advance(by: .seconds(1))
    #expect(clock.sleeperCount == 1)
    clock.advance(by: .seconds(1))
    #expect(try await sleeper.value == start.advanced(by: .seconds(2)))
  }

  @Test func `Cancellation ends a sleep at once, and one that has not begun`() async {
    let clock = VirtualClock()
    let policyClock = clock.policyClock
    let sleeper = Task { try await policyClock.sleep(until: .init(nanoseconds: .max)) }
    await clock.waitForSleepers()
    sleeper.cancel()
    await #expect(throws: CancellationError.self) { try await sleeper.value }
    let late = Task {
      await Task.yield()
      try await policyClock.sleep(until: .init(nanoseconds: .max))
    }
    late.cancel()
    await #expect(throws: CancellationError.self) { try await late.value }
    #expect(clock.sleeperCount == 0)
  }

  @Test func `A sleep of the system clock is made of parts, ends at its deadline and with its task`()
    async throws
  {
    let clock = PolicyClock.system
    let deadline = clock.now.advanced(by: .milliseconds(5))
    try await PolicyClock.sleepBySystem(until: deadline, tolerance: nil, inPartsOf: .milliseconds(1))
    #expect(clock.now >= deadline)
    let endless = Task {
      try await PolicyClock.sleepBySystem(
        until: .init(nanoseconds: .max),
        tolerance: nil,
        inPartsOf: .milliseconds(1)
      )
    }
    endless.cancel()
    await #expect(throws: CancellationError.self) { try await endless.value }
  }

  @Test func `Another clock is read from its own beginning`() async throws {
    let clock = PolicyClock(ContinuousClock())
    let first = clock.now
    #expect(first.nanoseconds >= 0)
    try await clock.sleep(until: first.advanced(by: .microseconds(1)))
    #expect(clock.now > first)
    try await PolicyClock.system.sleep(until: PolicyClock.system.now.advanced(by: .microseconds(1)))
  }
}
