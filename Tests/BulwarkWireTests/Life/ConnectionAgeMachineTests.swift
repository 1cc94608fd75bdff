import BulwarkCore
import BulwarkTestKit
import Testing

@testable import BulwarkWire

@Suite struct ConnectionAgeMachineTests {
  private func machine(
    maximum: Duration? = .seconds(100),
    grace: Duration? = .seconds(10),
    jitter: Double = 0
  ) -> ConnectionAgeMachine {
    ConnectionAgeMachine(maximum: maximum, grace: grace, jitter: jitter, now: at(0))
  }

  @Test func withoutAMaximumItLivesForEver() {
    var machine = self.machine(maximum: nil)
    #expect(machine.next == nil)
    #expect(machine.fired(now: at(1e9)) == .doNothing)
  }

  @Test func itIsDrainedAtItsAgeAndEndedAfterTheGrace() {
    var machine = self.machine()
    #expect(machine.next == at(100))
    #expect(machine.fired(now: at(99.9)) == .doNothing)
    #expect(machine.fired(now: at(101)) == .drain)
    #expect(machine.next == at(111))
    #expect(machine.fired(now: at(110.9)) == .doNothing)
    #expect(machine.fired(now: at(111)) == .abort)
    #expect(machine.next == nil)
    #expect(machine.fired(now: at(1000)) == .doNothing)
  }

  @Test func withoutAGraceItsCallsMayGoOn() {
    var machine = self.machine(grace: nil)
    #expect(machine.fired(now: at(100)) == .drain)
    #expect(machine.next == nil)
    #expect(machine.fired(now: at(1e9)) == .doNothing)
  }

  @Test(arguments: [(-1, 90), (1, 110), (0.5, 105), (-7, 90), (7, 110), (Double.nan, 100)])
  func chanceMovesTheAgeByATenthAtMost(jitter: Double, age: Double) {
    #expect(self.machine(jitter: jitter).next == at(age))
  }

  @Test func connectionsThatBeganTogetherDoNotEndTogether() {
    var generator = SeededGenerator(seed: 4)
    let ages = (0..<1000).compactMap { _ in
      self.machine(jitter: .random(in: -1...1, using: &generator)).next
    }
    #expect(Set(ages).count > 990)
    #expect(ages.allSatisfy { $0 >= at(90) && $0 <= at(110) })
  }

  @Test func agesAndGracesOfNothingAreAMillisecond() {
    var machine = self.machine(maximum: .zero, grace: .seconds(-1))
    #expect(machine.next == at(0.001))
    #expect(machine.fired(now: at(0.001)) == .drain)
    #expect(machine.next == at(0.002))
  }
}
