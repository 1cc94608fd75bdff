@testable import BulwarkConfiguration
import Testing

struct PolicyFileMachineTests {
  /// One that has taken "old".
  private static var running: PolicyFileMachine {
    var machine = PolicyFileMachine()
    machine.accepted("old")
    return machine
  }

  @Test func aChangeIsTakenWhenTwoLooksFindTheSame() {
    var machine = Self.running
    #expect(machine.looked(.text("new")) == .nothing)
    #expect(machine.looked(.text("new")) == .take("new"))
    machine.accepted("new")
    #expect(machine.looked(.text("new")) == .nothing)
  }

  @Test func whatIsStillBeingWrittenIsNotTaken() {
    var machine = Self.running
    #expect(machine.looked(.text("ne")) == .nothing)
    #expect(machine.looked(.text("new")) == .nothing)
    #expect(machine.looked(.text("new")) == .take("new"))
  }

  @Test func whatWasRefusedIsNotTriedAgain() {
    var machine = Self.running
    machine.rejected("bad")
    #expect(machine.looked(.text("bad")) == .nothing)
    #expect(machine.looked(.text("bad")) == .nothing)
    #expect(machine.accepted == "old")
  }

  @Test func theNextGoodOneAfterABadOneIsTaken() {
    var machine = Self.running
    machine.rejected("bad")
    #expect(machine.looked(.text("good")) == .nothing)
    #expect(machine.looked(.text("good")) == .take("good"))
  }

  @Test func aReturnToWhatIsInForceIsToldOnce() {
    var machine = Self.running
    machine.rejected("bad")
    #expect(machine.looked(.text("old")) == .reportRecovered)
    #expect(machine.looked(.text("old")) == .nothing)
    #expect(machine.looked(.text("bad")) == .nothing)
    #expect(machine.looked(.text("bad")) == .take("bad"))
  }

  @Test func aFileThatIsGoneIsToldOnceAndItsReturnToo() {
    var machine = Self.running
    #expect(machine.looked(.missing) == .reportUnreadable(.missing))
    #expect(machine.looked(.missing) == .nothing)
    #expect(machine.looked(.unreadable("is shut")) == .reportUnreadable(.unreadable("is shut")))
    #expect(machine.looked(.text("old")) == .reportRecovered)
    #expect(machine.looked(.missing) == .reportUnreadable(.missing))
  }

  @Test func aFileThatWasGoneBetweenTwoLooksIsNotSettled() {
    var machine = Self.running
    #expect(machine.looked(.text("new")) == .nothing)
    #expect(machine.looked(.missing) == .reportUnreadable(.missing))
    #expect(machine.looked(.text("new")) == .nothing)
    #expect(machine.looked(.text("new")) == .take("new"))
  }
}
