import BulwarkTestKit
import Testing

@testable import BulwarkResilience

@Suite struct RetryMachineTests {
  private var generator = SeededGenerator(seed: 1)

  private func machine(
    _ options: RetryOptions = .init(backoff: Backoff(jitter: .none)),
    deadline: Int64 = .max
  )
    -> RetryMachine
  {
    RetryMachine(options: options, deadline: deadline)
  }

  private mutating func settle(
    _ machine: inout RetryMachine,
    _ decision: RetryDecision = .retry(),
    now: Int64 = 0,
    closedFor: Int64? = nil,
    budget: Bool = true
  ) -> RetryMachine.Action {
    machine.attemptSettled(
      decision,
      now: now,
      closedFor: closedFor,
      budget: { budget },
      using: &self.generator
    )
  }

  private let milliseconds: Int64 = 1_000_000

  @Test mutating func `What stands is the end, and so is the last attempt`() {
    var machine = self.machine()
    #expect(self.settle(&machine, .stop) == .stop)
    machine = self.machine(RetryOptions(maximumAttempts: 1))
    #expect(self.settle(&machine) == .exhausted)
    #expect(machine.settled == 1 && machine.delay == 0)
    machine = self.machine(RetryOptions(maximumAttempts: 1))
    #expect(self.settle(&machine, .retry(after: .nanoseconds(-1))) == .stop)
  }

  @Test mutating func `The delays grow from the instant at which an attempt ended`() {
    var machine = self.machine()
    #expect(self.settle(&machine, now: 7) == .retry(at: 7 + 100 * self.milliseconds))
    #expect(self.settle(&machine, now: 500) == .retry(at: 500 + 200 * self.milliseconds))
    #expect(machine.delay == 200 * self.milliseconds)
  }

  @Test mutating func `An attempt that would start at the deadline is not waited for`() {
    var machine = self.machine(deadline: 100 * self.milliseconds)
    #expect(self.settle(&machine, now: 0) == .giveUp(.deadline))
    machine = self.machine(deadline: 100 * self.milliseconds + 1)
    #expect(self.settle(&machine, now: 0) == .retry(at: 100 * self.milliseconds))
    machine = self.machine(deadline: 5)
    #expect(self.settle(&machine, .retry(after: .zero), now: 6) == .giveUp(.deadline))
  }

  @Test(arguments: [(99, true), (100, true), (101, false)])
  mutating func `A circuit that is closed again when the sleep ends is no hindrance`(
    closedFor: Int64,
    passes: Bool
  ) {
    var machine = self.machine()
    let action = self.settle(&machine, closedFor: closedFor * self.milliseconds)
    #expect(action == (passes ? .retry(at: 100 * self.milliseconds) : .giveUp(.circuitOpen)))
  }

  @Test mutating func `The budget is asked last, so that only a retry that happens costs something`() {
    for (decision, now, closedFor) in [
      (.stop, 0, nil), (.retry(after: .seconds(-1)), 0, nil), (.retry(after: .seconds(31)), 0, nil),
      (.retry(), 1_000_000_000, nil), (.retry(), 0, .max),
    ] as [(RetryDecision, Int64, Int64?)] {
      var machine = self.machine(deadline: 1_000_000_000)
      var withdrawals = 0
      let action = machine.attemptSettled(
        decision,
        now: now,
        closedFor: closedFor,
        budget: {
          withdrawals += 1
          return true
        },
        using: &self.generator
      )
      if case .retry = action { Issue.record("\(decision) goes on") }
      #expect(withdrawals == 0)
    }
    var machine = self.machine()
    #expect(self.settle(&machine, budget: false) == .giveUp(.budgetExhausted))
  }

  @Test mutating func `A pushback is taken as it is, and the backoff starts anew after it`() {
    var machine = self.machine(RetryOptions(maximumAttempts: 9, backoff: Backoff(jitter: .decorrelated)))
    _ = self.settle(&machine)
    #expect(self.settle(&machine, .retry(after: .seconds(30))) == .retry(at: 30_000 * self.milliseconds))
    // Three times the base at most, and not three times the pushback.
    guard case .retry(let next) = self.settle(&machine) else { Issue.record("gave up"); return }
    #expect(next <= 300 * self.milliseconds)
  }

  @Test mutating func `No time is too early or too late`() {
    var machine = self.machine()
    #expect(self.settle(&machine, now: .max) == .giveUp(.deadline))
    machine = self.machine()
    #expect(self.settle(&machine, now: .min) == .retry(at: .min + 100 * self.milliseconds))
    machine = self.machine(RetryOptions(maximumPushback: .seconds(Int64.max)))
    let never = Duration(secondsComponent: .max, attosecondsComponent: 0)
    #expect(self.settle(&machine, .retry(after: never)) == .giveUp(.deadline))
  }

  @Test(arguments: [
    (RetryOptions(maximumAttempts: 0), "maximumAttempts"),
    (RetryOptions(maximumAttempts: 101), "maximumAttempts"),
    (RetryOptions(backoff: Backoff(base: .seconds(-1))), "backoff.base"),
    (RetryOptions(maximumPushback: .seconds(-1)), "maximumPushback"),
    (RetryOptions(totalTimeout: .zero), "totalTimeout"),
    (RetryOptions(attemptTimeout: .seconds(Int64.max)), "attemptTimeout"),
  ])
  func `Each bad value is refused by its name`(options: RetryOptions, field: String) {
    let error = #expect(throws: InvalidOption.self) { try Retry(name: "peer", options: options) }
    #expect(error?.field == field)
  }
}
