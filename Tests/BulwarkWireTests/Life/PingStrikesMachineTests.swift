import BulwarkCore
import Testing

@testable import BulwarkWire

@Suite struct PingStrikesMachineTests {
  private var life = ServerConnectionLife()
  private var machine: PingStrikesMachine { PingStrikesMachine(self.life) }

  @Test func theThirdPingThatComesTooEarlyIsOneTooMany() {
    var machine = self.machine
    #expect(machine.received(sent: 0, hasCalls: true, now: at(0)) == .accept)
    #expect(machine.received(sent: 0, hasCalls: true, now: at(1)) == .accept)
    #expect(machine.received(sent: 0, hasCalls: true, now: at(2)) == .accept)
    #expect(machine.received(sent: 0, hasCalls: true, now: at(3)) == .refuse)
  }

  @Test func pingsThatAreFarEnoughApartAreNoStrikesAndATenthIsForgiven() {
    var machine = self.machine
    for number in 0..<100 {
      #expect(machine.received(sent: 0, hasCalls: true, now: at(Double(number) * 9)) == .accept)
    }
    #expect(machine.received(sent: 0, hasCalls: true, now: at(899.9)) == .accept)
    #expect(machine.received(sent: 0, hasCalls: true, now: at(908.8)) == .accept)
    #expect(machine.received(sent: 0, hasCalls: true, now: at(917.7)) == .refuse)
  }

  @Test func whatWasSentMeanwhileForgivesAllStrikes() {
    var machine = self.machine
    for second in 0...2 { _ = machine.received(sent: 0, hasCalls: true, now: at(Double(second))) }
    #expect(machine.received(sent: 1, hasCalls: true, now: at(3)) == .accept)
    #expect(machine.received(sent: 1, hasCalls: true, now: at(4)) == .accept)
    #expect(machine.received(sent: 1, hasCalls: true, now: at(5)) == .accept)
    #expect(machine.received(sent: 1, hasCalls: true, now: at(6)) == .refuse)
  }

  /// A client that measures its bandwidth sends a PING for each batch of DATA.
  @Test func aPingAfterEachResponseIsNeverTooMany() {
    var machine = self.machine
    for number in 0..<1000 {
      #expect(
        machine.received(sent: UInt64(number), hasCalls: true, now: at(Double(number) / 1000)) == .accept
      )
    }
  }

  @Test func withoutCallsTwoHoursAreTheLeast() {
    var machine = self.machine
    for number in 0..<3 {
      #expect(machine.received(sent: 0, hasCalls: false, now: at(Double(number) * 3600)) == .accept)
    }
    #expect(machine.received(sent: 0, hasCalls: false, now: at(3 * 3600)) == .refuse)
    var patient = self.machine
    for number in 0..<10 {
      #expect(patient.received(sent: 0, hasCalls: false, now: at(Double(number) * 7200)) == .accept)
    }
  }

  @Test mutating func withoutCallsTheIntervalHoldsIfItMay() {
    self.life.permitsPingsWithoutCalls = true
    var machine = self.machine
    for number in 0..<100 {
      #expect(machine.received(sent: 0, hasCalls: false, now: at(Double(number) * 10)) == .accept)
    }
  }

  @Test mutating func anIntervalOfTwoHoursAndMoreHoldsWithoutCallsToo() {
    self.life.minPingInterval = .seconds(36_000)
    self.life.maxPingStrikes = 0
    var machine = self.machine
    _ = machine.received(sent: 0, hasCalls: false, now: at(0))
    #expect(machine.received(sent: 0, hasCalls: false, now: at(20_000)) == .refuse)
  }

  @Test(arguments: [0, -1]) mutating func withoutStrikesTheFirstEarlyPingIsTooMany(strikes: Int) {
    self.life.maxPingStrikes = strikes
    var machine = self.machine
    #expect(machine.received(sent: 0, hasCalls: true, now: at(0)) == .accept)
    #expect(machine.received(sent: 0, hasCalls: true, now: at(1)) == .refuse)
  }

  @Test mutating func anIntervalOfNothingPermitsEveryPingWhileThereAreCalls() {
    self.life.minPingInterval = .seconds(-5)
    var machine = self.machine
    for _ in 0..<100 {
      #expect(machine.received(sent: 0, hasCalls: true, now: at(0)) == .accept)
    }
  }
}
