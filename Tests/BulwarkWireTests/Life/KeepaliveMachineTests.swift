import BulwarkCore
import Testing

@testable import BulwarkWire

@Suite struct KeepaliveMachineTests {
  private let ping = KeepaliveMachine.OnTimer.ping(KeepaliveMachine.payload)

  private func machine(
    time: Duration? = .seconds(10),
    timeout: Duration = .seconds(20),
    pingsWithoutCalls: Bool = false
  ) -> KeepaliveMachine {
    KeepaliveMachine(time: time, timeout: timeout, pingsWithoutCalls: pingsWithoutCalls, now: at(0))
  }

  @Test func withoutATimeItAsksNever() {
    var machine = self.machine(time: nil)
    #expect(machine.next == nil)
    #expect(machine.fired(hasCalls: true, now: at(1e9)) == .doNothing)
    #expect(machine.callStarted(now: at(1e9)) == .doNothing)
    #expect(machine == self.machine(time: nil))
  }

  @Test func aQuietPeerIsAskedAndGivenUpIfItDoesNotAnswer() {
    var machine = self.machine()
    #expect(machine.next == at(10))
    #expect(machine.fired(hasCalls: true, now: at(9.9)) == .doNothing)
    #expect(machine.fired(hasCalls: true, now: at(10)) == self.ping)
    #expect(machine.next == at(20))
    #expect(machine.fired(hasCalls: true, now: at(20)) == .doNothing)
    #expect(machine.next == at(30))
    #expect(machine.fired(hasCalls: true, now: at(29.9)) == .doNothing)
    #expect(machine.fired(hasCalls: true, now: at(30)) == .giveUp)
    #expect(machine.next == nil)
    #expect(machine.fired(hasCalls: true, now: at(100)) == .doNothing)
    #expect(machine.callStarted(now: at(100)) == .doNothing)
  }

  @Test func aPeerIsGivenUpInTimeThoughNoCallIsLeft() {
    var machine = self.machine(timeout: .seconds(5))
    _ = machine.fired(hasCalls: true, now: at(10))
    #expect(machine.next == at(15))
    #expect(machine.fired(hasCalls: false, now: at(15)) == .giveUp)
  }

  @Test func whateverComesPutsTheQuestionOff() {
    var machine = self.machine()
    machine.received(now: at(4))
    #expect(machine.next == at(10))
    #expect(machine.fired(hasCalls: true, now: at(10)) == .doNothing)
    #expect(machine.next == at(14))
    #expect(machine.fired(hasCalls: true, now: at(14)) == self.ping)
  }

  @Test func whateverComesIsAnAnswer() {
    var machine = self.machine()
    _ = machine.fired(hasCalls: true, now: at(10))
    machine.received(now: at(10.1))
    #expect(machine.fired(hasCalls: true, now: at(20)) == .doNothing)
    #expect(machine.next == at(20.1))
    #expect(machine.fired(hasCalls: true, now: at(20.1)) == self.ping)
  }

  @Test func anAnswerOfTheSameInstantIsOne() {
    var machine = self.machine()
    _ = machine.fired(hasCalls: true, now: at(10))
    machine.received(now: at(10))
    #expect(machine.fired(hasCalls: true, now: at(20)) == self.ping)
  }

  @Test func anAnswerThatIsSeenLateIsOneToo() {
    var machine = self.machine()
    _ = machine.fired(hasCalls: true, now: at(10))
    machine.received(now: at(29))
    #expect(machine.fired(hasCalls: true, now: at(35)) == .doNothing)
    #expect(machine.next == at(39))
  }

  @Test func withoutCallsItRestsAndTheNextCallAsksAtOnce() {
    var machine = self.machine()
    #expect(machine.fired(hasCalls: false, now: at(10)) == .doNothing)
    #expect(machine.isDormant && machine.next == nil)
    #expect(machine.fired(hasCalls: true, now: at(50)) == .doNothing)
    #expect(machine.callStarted(now: at(50)) == self.ping)
    #expect(!machine.isDormant && machine.next == at(60))
    #expect(machine.callStarted(now: at(51)) == .doNothing)
  }

  @Test func aCallAfterRestAsksLaterIfTheServerWasHeardOfLate() {
    var machine = self.machine()
    _ = machine.fired(hasCalls: false, now: at(10))
    machine.received(now: at(45))
    #expect(machine.callStarted(now: at(50)) == .doNothing)
    #expect(machine.next == at(55))
    #expect(machine.fired(hasCalls: true, now: at(55)) == self.ping)
  }

  @Test func withoutCallsItAsksIfItMay() {
    var machine = self.machine(pingsWithoutCalls: true)
    #expect(machine.fired(hasCalls: false, now: at(10)) == self.ping)
  }

  @Test func timesOfNothingAreAMillisecond() {
    var machine = self.machine(time: .zero, timeout: .seconds(-1))
    #expect(machine.next == at(0.001))
    #expect(machine.fired(hasCalls: true, now: at(0.001)) == self.ping)
    #expect(machine.next == at(0.002))
    #expect(machine.fired(hasCalls: true, now: at(0.002)) == .giveUp)
  }

  @Test func timesWithoutEndNeverCome() {
    let machine = self.machine(time: .seconds(Int64.max))
    #expect(machine.next == .distantFuture)
  }
}

/// An instant so many seconds after the start.
func at(_ seconds: Double) -> MonotonicInstant {
  MonotonicInstant(nanoseconds: Int64(seconds * 1_000_000_000))
}
