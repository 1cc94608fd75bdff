import Testing

@testable import BulwarkResilience

@Suite struct HedgeMachineTests {
  private typealias Action = HedgeMachine.Action

  private func machine(_ attempts: Int = 3, deadline: Int64 = .max) -> HedgeMachine {
    HedgeMachine(options: HedgeOptions(maximumAttempts: attempts), deadline: deadline)
  }

  private func timer(_ id: Int, _ instant: Int64) -> HedgeMachine.Timer { .init(id: id, instant: instant) }

  @Test func `Each attempt has the next one follow after the delay, up to the last`() {
    var machine = self.machine()
    #expect(machine.begin(now: 0, delay: 10) == Action(timer: self.timer(1, 10)))
    let second = machine.timerFired(1, now: 10, delay: 10) { true }
    #expect(second == Action(start: 2, timer: self.timer(2, 20)))
    #expect(machine.timerFired(2, now: 20, delay: 10) { true } == Action(start: 3))
    #expect(machine.underway == 3 && machine.started == 3)
  }

  @Test func `A failure has the next attempt start at once, and the timer anew`() {
    var machine = self.machine()
    _ = machine.begin(now: 0, delay: 10)
    let next = machine.attemptFailed(.retry(), now: 4, delay: 10) { true }
    #expect(next == Action(start: 2, timer: self.timer(2, 14)))
    #expect(machine.timerFired(1, now: 10, delay: 10) { true } == Action())
    #expect(machine.started == 2)
  }

  @Test func `A failure that nothing mends ends all`() {
    var machine = self.machine()
    _ = machine.begin(now: 0, delay: 10)
    _ = machine.timerFired(1, now: 10, delay: 10) { true }
    #expect(machine.attemptFailed(.stop, now: 12, delay: 10) { true } == Action(isOver: true))
  }

  @Test func `It is over when the last attempt under way has failed`() {
    var machine = self.machine(2)
    _ = machine.begin(now: 0, delay: 10)
    _ = machine.timerFired(1, now: 10, delay: 10) { true }
    #expect(machine.attemptFailed(.retry(), now: 11, delay: 10) { true } == Action())
    #expect(machine.attemptFailed(.retry(), now: 12, delay: 10) { true } == Action(isOver: true))
  }

  @Test func `A pushback delays the next attempt, and one below zero or too long asks for no more`() {
    var machine = self.machine()
    _ = machine.begin(now: 0, delay: 10)
    let delayed = machine.attemptFailed(.retry(after: .nanoseconds(50)), now: 5, delay: 10) { true }
    #expect(delayed == Action(timer: self.timer(2, 55)))
    #expect(machine.timerFired(1, now: 10, delay: 10) { true } == Action())
    #expect(machine.timerFired(2, now: 55, delay: 10) { true } == Action(start: 2, timer: self.timer(3, 65)))
    _ = machine.timerFired(3, now: 65, delay: 10) { true }
    #expect(machine.attemptFailed(.retry(after: .seconds(-1)), now: 66, delay: 10) { true } == Action())
    #expect(machine.attemptFailed(.retry(after: .nanoseconds(1)), now: 67, delay: 10) { true }.isOver)
    machine = self.machine()
    _ = machine.begin(now: 0, delay: 10)
    let tooLong = machine.attemptFailed(.retry(after: .seconds(31)), now: 5, delay: 10) { true }
    #expect(tooLong == Action(isOver: true, gaveUp: .deadline))
  }

  @Test func `Without budget no further attempt starts, and those under way go on`() {
    var machine = self.machine()
    _ = machine.begin(now: 0, delay: 10)
    #expect(machine.timerFired(1, now: 10, delay: 10) { false } == Action(gaveUp: .budgetExhausted))
    #expect(machine.attemptFailed(.retry(), now: 11, delay: 10) { true } == Action(isOver: true))
    machine = self.machine()
    _ = machine.begin(now: 0, delay: 10)
    let refused = machine.attemptFailed(.retry(), now: 5, delay: 10) { false }
    #expect(refused == Action(isOver: true, gaveUp: .budgetExhausted))
  }

  @Test func `No attempt starts at or after the deadline`() {
    var machine = self.machine(deadline: 10)
    #expect(machine.begin(now: 0, delay: 10) == Action())
    machine = self.machine(deadline: 11)
    #expect(machine.begin(now: 0, delay: 10) == Action(timer: self.timer(1, 10)))
    #expect(machine.timerFired(1, now: 11, delay: 10) { true } == Action(gaveUp: .deadline))
    machine = self.machine(deadline: 100)
    _ = machine.begin(now: 0, delay: 10)
    #expect(
      machine.attemptFailed(.retry(), now: 100, delay: 10) { true } == Action(isOver: true, gaveUp: .deadline)
    )
    machine = self.machine(deadline: 100)
    _ = machine.begin(now: 0, delay: 10)
    let late = machine.attemptFailed(.retry(after: .nanoseconds(90)), now: 10, delay: 10) { true }
    #expect(late == Action(isOver: true, gaveUp: .deadline))
  }

  /// The delay did not fit the deadline, and that once stopped the attempts after a quick failure, too.
  @Test func `Where the delay does not fit the deadline, a quick failure still has the next attempt start`() {
    var machine = self.machine(deadline: 10)
    #expect(machine.begin(now: 0, delay: 10) == Action())
    #expect(machine.attemptFailed(.retry(), now: 1, delay: 10) { true } == Action(start: 2))
    #expect(machine.attemptFailed(.retry(), now: 2, delay: 10) { true } == Action(start: 3))
    #expect(machine.attemptFailed(.retry(), now: 3, delay: 10) { true } == Action(isOver: true))
    machine = self.machine(deadline: 15)
    #expect(machine.begin(now: 0, delay: 10) == Action(timer: self.timer(1, 10)))
    #expect(machine.attemptFailed(.retry(), now: 8, delay: 10) { true } == Action(start: 2))
    // The first attempt's timer counts no longer.
    #expect(machine.timerFired(1, now: 10, delay: 10) { true } == Action())
  }

  @Test func `A caller who went away gets no further attempt`() {
    var machine = self.machine()
    _ = machine.begin(now: 0, delay: 10)
    #expect(machine.cancelled() == Action())
    #expect(machine.timerFired(1, now: 10, delay: 10) { true } == Action())
    #expect(machine.attemptFailed(.retry(), now: 11, delay: 10) { true } == Action(isOver: true))
    machine = self.machine()
    _ = machine.begin(now: 0, delay: 10)
    _ = machine.attemptFailed(.retry(after: .nanoseconds(50)), now: 5, delay: 10) { true }
    #expect(machine.cancelled() == Action(isOver: true))
  }

  @Test func `One attempt is no hedge`() {
    var machine = self.machine(1)
    #expect(machine.begin(now: 0, delay: 10) == Action())
    #expect(machine.attemptFailed(.retry(), now: 5, delay: 10) { true } == Action(isOver: true))
  }

  @Test func `No time is too early or too late`() {
    var machine = self.machine()
    #expect(machine.begin(now: .max - 1, delay: .max) == Action())
    machine = self.machine()
    #expect(machine.begin(now: .min, delay: .max) == Action(timer: self.timer(1, -1)))
  }
}
