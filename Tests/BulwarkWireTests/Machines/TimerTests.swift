import BulwarkCore
import Testing

@testable import BulwarkWire

@Suite struct TimerTests {
  private let start = MonotonicInstant(nanoseconds: 0)

  private func seconds(_ seconds: Int64) -> MonotonicInstant {
    MonotonicInstant(nanoseconds: seconds * 1_000_000_000)
  }

  private var timers: ConnectionTimers { ConnectionTimers(limits: WireLimits(), now: self.start) }

  /// Timers whose handshake is through.
  private var settled: ConnectionTimers {
    var timers = self.timers
    timers.received(hasSettings: true, insideHeaderBlock: false, now: self.start)
    return timers
  }

  @Test func theHandshakeIsTimedFromTheStart() {
    var timers = self.timers
    #expect(timers.next == self.seconds(10))
    #expect(timers.fired(now: self.seconds(9)) == .none)
    timers.received(hasSettings: false, insideHeaderBlock: false, now: self.seconds(9))
    #expect(timers.fired(now: self.seconds(10)) == .handshakeTimedOut)
    #expect(timers.fired(now: self.seconds(11)) == .none)
    #expect(timers.next == nil)
  }

  @Test func settingsEndTheHandshake() {
    var timers = self.settled
    #expect(timers.next == nil)
    #expect(timers.fired(now: self.seconds(100)) == .none)
  }

  @Test func aHeaderBlockIsTimedFromItsFirstByteHoweverOftenItGoesOn() {
    var timers = self.settled
    for second in [5, 8, 14] as [Int64] {
      timers.received(hasSettings: true, insideHeaderBlock: true, now: self.seconds(second))
    }
    #expect(timers.next == self.seconds(15))
    #expect(timers.fired(now: self.seconds(15)) == .headerBlockTimedOut)
    #expect(timers.next == nil)
  }

  @Test func aHeaderBlockThatEndsIsTimedNoMore() {
    var timers = self.settled
    timers.received(hasSettings: true, insideHeaderBlock: true, now: self.seconds(5))
    timers.received(hasSettings: true, insideHeaderBlock: false, now: self.seconds(6))
    #expect(timers.next == nil)
    timers.received(hasSettings: true, insideHeaderBlock: true, now: self.seconds(50))
    #expect(timers.next == self.seconds(60))
  }

  @Test func streamsAreSweptAThirdOfTheStallTimeoutApartWhileThereAreAny() {
    var timers = self.settled
    timers.streamOpened(now: self.start)
    timers.streamOpened(now: self.seconds(5))
    #expect(timers.next == self.seconds(10))
    #expect(timers.fired(now: self.seconds(10)) == .sweep)
    timers.swept(streamsOpen: true, now: self.seconds(10))
    #expect(timers.next == self.seconds(20))
    timers.swept(streamsOpen: false, now: self.seconds(20))
    #expect(timers.next == nil)
  }

  @Test func theEarliestTimerIsNext() {
    var timers = self.timers
    timers.streamOpened(now: self.seconds(3))
    timers.received(hasSettings: false, insideHeaderBlock: true, now: self.seconds(1))
    #expect(timers.next == self.seconds(10))
    #expect(timers.fired(now: self.seconds(20)) == .handshakeTimedOut)
    #expect(timers.next == self.seconds(11))
    #expect(timers.fired(now: self.seconds(20)) == .headerBlockTimedOut)
    #expect(timers.next == self.seconds(13))
    #expect(timers.fired(now: self.seconds(20)) == .sweep)
  }

  // MARK: - Shutdown

  @Test func aStopGoesThroughItsStepsOnce() {
    var shutdown = ShutdownMachine()
    #expect(shutdown.sent() == .doNothing)
    #expect(shutdown.pingAcknowledged(1) == .doNothing)
    #expect(shutdown.begin() == .announce)
    #expect(shutdown.begin() == .doNothing)
    guard case .ping(let payload) = shutdown.sent() else {
      Issue.record("no PING follows the GOAWAY")
      return
    }
    #expect(shutdown.sent() == .doNothing)
    #expect(shutdown.pingAcknowledged(payload &+ 1) == .doNothing)
    #expect(shutdown.pingAcknowledged(payload) == .announceLast)
    #expect(shutdown.pingAcknowledged(payload) == .doNothing)
    #expect(shutdown.begin() == .doNothing && shutdown.sent() == .doNothing)
  }

  @Test func aPingThatIsNotAcknowledgedIsWaitedForInVainOnce() {
    var shutdown = ShutdownMachine()
    #expect(shutdown.timedOut() == .doNothing)
    _ = shutdown.begin("max_age")
    #expect(shutdown.reason == "max_age")
    #expect(shutdown.begin("max_idle") == .doNothing)
    #expect(shutdown.reason == "max_age")
    _ = shutdown.sent()
    #expect(shutdown.timedOut() == .announceLast)
    #expect(shutdown.timedOut() == .doNothing)
    #expect(shutdown.pingAcknowledged(0x6275_6C77_6172_6B21) == .doNothing)
  }

  @Test func anAcknowledgementBeforeThePingWasSentIsSomebodyElses() {
    var shutdown = ShutdownMachine()
    _ = shutdown.begin()
    #expect(shutdown.pingAcknowledged(0x6275_6C77_6172_6B21) == .doNothing)
    #expect(shutdown.sent() != .doNothing)
  }
}
