import BulwarkCore
import Testing

@testable import BulwarkWire

@Suite struct BandwidthMachineTests {
  private var machine = BandwidthMachine(window: 1 << 20, limit: 16 << 20, now: at(0))
  private let ping = BandwidthMachine.OnData.ping(BandwidthMachine.payload)

  private mutating func measure(
    _ bytes: Int,
    from start: Double,
    for duration: Double
  ) -> BandwidthMachine.OnPing {
    #expect(self.machine.received(bytes, now: at(start)) == self.ping)
    return self.machine.pingAcknowledged(BandwidthMachine.payload, now: at(start + duration))
  }

  @Test(arguments: [nil, 0, 1 << 20, -1]) func withoutRoomToGrowItMeasuresNothing(limit: Int?) {
    var machine = BandwidthMachine(window: 1 << 20, limit: limit, now: at(0))
    #expect(machine.isDone)
    #expect(machine.received(1 << 20, now: at(1)) == .doNothing)
    #expect(machine.pingAcknowledged(BandwidthMachine.payload, now: at(2)) == .doNothing)
  }

  @Test mutating func aFullWindowInARoundTripIsDoubled() {
    #expect(self.measure(1 << 20, from: 0, for: 0.1) == .grow(to: 2 << 20))
    #expect(self.measure(2 << 20, from: 0.1, for: 0.1) == .grow(to: 4 << 20))
    #expect(self.measure(4 << 20, from: 0.2, for: 0.1) == .grow(to: 8 << 20))
    #expect(!self.machine.isDone)
    #expect(self.measure(8 << 20, from: 0.3, for: 0.1) == .grow(to: 16 << 20))
    #expect(self.machine.isDone)
  }

  @Test mutating func whatSeveralStreamsBringIsCountedTogether() {
    #expect(self.machine.received(3 << 20, now: at(0)) == self.ping)
    #expect(self.machine.received(2 << 20, now: at(0.05)) == .doNothing)
    #expect(self.machine.pingAcknowledged(BandwidthMachine.payload, now: at(0.1)) == .grow(to: 10 << 20))
  }

  @Test mutating func lessThanTwoThirdsOfAWindowChangeNothing() {
    #expect(self.measure(699_000, from: 0, for: 0.1) == .doNothing)
    #expect(self.measure(700_000, from: 0.1, for: 0.1) == .grow(to: 2 << 20))
  }

  @Test mutating func whatIsNotFasterThanBeforeIsNotTheWindowsFault() {
    #expect(self.measure(1 << 20, from: 0, for: 0.001) == .grow(to: 2 << 20))
    #expect(self.measure(2 << 20, from: 1, for: 1) == .doNothing)
  }

  @Test mutating func aSecondMeasurementWaitsATenthOfASecond() {
    _ = self.measure(10, from: 0, for: 0.01)
    #expect(self.machine.received(10, now: at(0.02)) == .doNothing)
    #expect(self.machine.received(10, now: at(0.099)) == .doNothing)
    #expect(self.machine.received(10, now: at(0.1)) == self.ping)
  }

  @Test mutating func anotherPingIsNoMeasurement() {
    #expect(self.machine.received(1 << 20, now: at(0)) == self.ping)
    #expect(self.machine.pingAcknowledged(KeepaliveMachine.payload, now: at(0.1)) == .doNothing)
    #expect(self.machine.pingAcknowledged(BandwidthMachine.payload, now: at(0.1)) == .grow(to: 2 << 20))
    #expect(self.machine.pingAcknowledged(BandwidthMachine.payload, now: at(0.2)) == .doNothing)
  }

  @Test mutating func anAnswerInNoTimeAndSumsThatOverflowTrapNothing() {
    #expect(self.machine.received(.max, now: at(0)) == self.ping)
    #expect(self.machine.received(.max, now: at(0)) == .doNothing)
    _ = self.machine.pingAcknowledged(BandwidthMachine.payload, now: at(0))
    var endless = BandwidthMachine(window: 1, limit: .max, now: at(0))
    #expect(endless.received(Int(Int32.max), now: at(0)) == self.ping)
    #expect(endless.pingAcknowledged(BandwidthMachine.payload, now: at(1)) == .grow(to: Int(Int32.max)))
  }
}
