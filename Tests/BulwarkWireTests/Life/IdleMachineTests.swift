import BulwarkCore
import Testing

@testable import BulwarkWire

@Suite struct IdleMachineTests {
  private var machine = IdleMachine(timeout: .seconds(40), now: at(0))

  @Test func withoutATimeoutItNeverGoesIdle() {
    var machine = IdleMachine(timeout: nil, now: at(0))
    #expect(machine.next == nil)
    #expect(machine.fired(openCalls: 0, calls: 0, now: at(1e9)) == .doNothing)
  }

  @Test mutating func withoutAnyCallItGoesIdleAtTheTimeout() {
    for second in [10.0, 20, 30] {
      #expect(self.machine.next == at(second))
      #expect(self.machine.fired(openCalls: 0, calls: 0, now: at(second)) == .doNothing)
    }
    #expect(self.machine.fired(openCalls: 0, calls: 0, now: at(40)) == .goIdle)
    #expect(self.machine.next == nil)
    #expect(self.machine.fired(openCalls: 0, calls: 9, now: at(80)) == .doNothing)
  }

  @Test mutating func aLookBeforeItsTimeChangesNothing() {
    let before = self.machine
    #expect(self.machine.fired(openCalls: 5, calls: 7, now: at(9.9)) == .doNothing)
    #expect(self.machine == before)
  }

  @Test mutating func itStaysWhileACallIsOpen() {
    for look in 1...100 {
      #expect(self.machine.fired(openCalls: 1, calls: 1, now: at(Double(look) * 10)) == .doNothing)
    }
  }

  @Test mutating func aCallThatEndedSinceTheLastLookCounts() {
    _ = self.machine.fired(openCalls: 1, calls: 1, now: at(10))
    for second in [20.0, 30, 40, 50] {
      #expect(self.machine.fired(openCalls: 0, calls: 1, now: at(second)) == .doNothing)
    }
    #expect(self.machine.fired(openCalls: 0, calls: 1, now: at(60)) == .goIdle)
  }

  @Test mutating func aCallThatCameAndWentBetweenTwoLooksCounts() {
    for second in [10.0, 20, 30] { _ = self.machine.fired(openCalls: 0, calls: 0, now: at(second)) }
    #expect(self.machine.fired(openCalls: 0, calls: 1, now: at(40)) == .doNothing)
    for second in [50.0, 60, 70] {
      #expect(self.machine.fired(openCalls: 0, calls: 1, now: at(second)) == .doNothing)
    }
    #expect(self.machine.fired(openCalls: 0, calls: 1, now: at(80)) == .goIdle)
  }

  @Test mutating func aCallThatBeganMakesItBusyAgain() {
    for second in [10.0, 20, 30] { _ = self.machine.fired(openCalls: 0, calls: 0, now: at(second)) }
    #expect(self.machine.fired(openCalls: 1, calls: 1, now: at(40)) == .doNothing)
    #expect(self.machine.fired(openCalls: 1, calls: 1, now: at(400)) == .doNothing)
    #expect(self.machine.fired(openCalls: 0, calls: 1, now: at(410)) == .doNothing)
    #expect(self.machine.next == at(420))
  }

  /// Whenever the last call ends, it goes idle between one timeout and a quarter more after it.
  @Test func itIsNeverEarlyAndAtMostAQuarterLate() {
    for end in stride(from: 0.5, through: 100, by: 0.7) {
      var machine = IdleMachine(timeout: .seconds(40), now: at(0))
      var idleAt: MonotonicInstant?
      while let next = machine.next {
        let isOpen = next < at(end)
        if machine.fired(openCalls: isOpen ? 1 : 0, calls: 1, now: next) == .goIdle { idleAt = next }
      }
      let idle = idleAt ?? at(0)
      #expect(idle >= at(end + 40) && idle <= at(end + 50.01), "\(end)")
    }
  }
}
