import BulwarkCore
import BulwarkTestKit
import Testing

@testable import BulwarkWire

@Suite struct SubchannelMachineTests {
  private let start = MonotonicInstant(nanoseconds: 0)

  private func seconds(_ seconds: Int64) -> MonotonicInstant {
    MonotonicInstant(nanoseconds: seconds * 1_000_000_000)
  }

  /// A machine that has come to the state by `start`.
  private func machine(_ state: ConnectivityState) -> SubchannelMachine {
    var machine = SubchannelMachine(backoff: ConnectionBackoff())
    switch state {
    case .idle: break
    case .connecting: _ = machine.connect(now: self.start)
    case .ready:
      _ = machine.connect(now: self.start)
      machine.connected(now: self.start)
    case .transientFailure:
      _ = machine.connect(now: self.start)
      _ = machine.connectFailed("refused", now: self.start, jitter: 0)
    case .shutdown: machine.close()
    }
    return machine
  }

  @Test(arguments: ConnectivityState.allCases) func theStateIsToldInTheWordsOfGRPC(_ state: ConnectivityState)
  {
    #expect(self.machine(state).connectivity == state)
  }

  @Test(arguments: ConnectivityState.allCases) func onlyAnIdleOneConnects(_ state: ConnectivityState) {
    var machine = self.machine(state)
    #expect(machine.connect(now: self.start) == (state == .idle))
    #expect(machine.connectivity == (state == .idle ? .connecting : state))
  }

  @Test(arguments: ConnectivityState.allCases) func onlyAnAttemptThatRunsCanFail(_ state: ConnectivityState) {
    var machine = self.machine(state)
    let failure = machine.connectFailed("refused", now: self.start, jitter: 0)
    if state == .connecting {
      #expect(failure == .backOff(until: self.seconds(1)))
      #expect(machine.connectivity == .transientFailure)
    } else {
      #expect(failure == .doNothing)
      #expect(machine == self.machine(state))
    }
  }

  @Test(arguments: ConnectivityState.allCases)
  func aConnectionThatStandsIsTakenUnlessItIsClosed(_ state: ConnectivityState) {
    var machine = self.machine(state)
    machine.connected(now: self.start)
    #expect(machine.connectivity == (state == .shutdown ? .shutdown : .ready))
  }

  @Test(arguments: ConnectivityState.allCases)
  func onlyAReadyConnectionCanBeLostOrGoAway(_ state: ConnectivityState) {
    var lost = self.machine(state)
    var leaving = self.machine(state)
    let actions = [
      lost.connectionLost("gone", now: self.seconds(100), jitter: 0),
      leaving.goingAway("bye", hasAnswered: false, now: self.seconds(100), jitter: 0),
    ]
    if state == .ready {
      #expect(actions == [.rest, .rest])
      #expect(lost.connectivity == .idle && leaving.connectivity == .idle)
    } else {
      #expect(actions == [.doNothing, .doNothing])
      #expect(lost == self.machine(state) && leaving == self.machine(state))
    }
  }

  @Test(arguments: ConnectivityState.allCases) func onlyABackoffCanElapseOrBeCutShort(
    _ state: ConnectivityState
  ) {
    var elapsed = self.machine(state)
    var reset = self.machine(state)
    #expect(elapsed.backoffElapsed() == (state == .transientFailure))
    #expect(reset.resetBackoff() == (state == .transientFailure))
    let after = state == .transientFailure ? .idle : state
    #expect(elapsed.connectivity == after && reset.connectivity == after)
  }

  @Test(arguments: ConnectivityState.allCases)
  func whatIsThereOrOnItsWayCanBeLetGo(_ state: ConnectivityState) {
    var machine = self.machine(state)
    let had = machine.disconnect()
    #expect(had == (state == .connecting || state == .ready))
    #expect(machine.connectivity == (had ? .idle : state))
  }

  @Test(arguments: ConnectivityState.allCases) func closedIsFinal(_ state: ConnectivityState) {
    var machine = self.machine(state)
    machine.close()
    #expect(machine.connect(now: self.start) == false)
    machine.connected(now: self.start)
    #expect(machine.connectFailed("x", now: self.start, jitter: 0) == .doNothing)
    #expect(machine.backoffElapsed() == false)
    #expect(machine.resetBackoff() == false)
    #expect(machine.connectivity == .shutdown)
  }

  @Test func theLastErrorIsKeptUntilThereIsAConnection() {
    var machine = self.machine(.transientFailure)
    let refused = RPCError(code: .unavailable, message: "not connected: refused", origin: .transport)
    #expect(machine.lastError == refused)
    _ = machine.backoffElapsed()
    _ = machine.connect(now: self.seconds(1))
    #expect(machine.lastError == refused)
    machine.connected(now: self.seconds(1))
    #expect(machine.lastError == nil)
  }

  @Test func delaysGrowUntilAConnectionLives() {
    var machine = self.machine(.idle)
    var now = self.start
    for delay in [1.0, 1.6, 2.56, 4.096] {
      _ = machine.connect(now: now)
      guard case .backOff(let until) = machine.connectFailed("refused", now: now, jitter: 0) else {
        Issue.record("no backoff")
        return
      }
      #expect(abs((now.duration(to: until) - .seconds(delay)).saturatedNanoseconds) < 1_000)
      now = until
      #expect(machine.backoffElapsed() == true)
    }
    _ = machine.connect(now: now)
    machine.connected(now: now)
    now = now.advanced(by: .seconds(1))
    #expect(machine.connectionLost("gone", now: now, jitter: 0) == .rest)
    _ = machine.connect(now: now)
    let next = machine.connectFailed("refused", now: now, jitter: 0)
    #expect(next == .backOff(until: now.advanced(by: .seconds(1))))
  }

  @Test func aResetStartsTheDelaysAnew() {
    var machine = self.machine(.transientFailure)
    _ = machine.backoffElapsed()
    _ = machine.connect(now: self.seconds(1))
    _ = machine.connectFailed("refused", now: self.seconds(1), jitter: 0)
    #expect(machine.resetBackoff() == true)
    _ = machine.connect(now: self.seconds(2))
    let next = machine.connectFailed("refused", now: self.seconds(2), jitter: 0)
    #expect(next == .backOff(until: self.seconds(3)))
  }

  @Test func aBackoffIsCountedFromTheStartOfItsAttempt() {
    var machine = self.machine(.connecting)
    let action = machine.connectFailed("slow", now: self.seconds(20), jitter: 0)
    #expect(action == .backOff(until: self.seconds(20)))
  }

  @Test func aServerThatHangsUpAtOnceIsNotHammered() {
    var lost = self.machine(.ready)
    #expect(lost.connectionLost("gone", now: self.start, jitter: 0) == .backOff(until: self.seconds(1)))
    var stopped = self.machine(.ready)
    #expect(stopped.goingAway("bye", hasAnswered: false, now: self.start, jitter: 0) == .rest)
    _ = stopped.connect(now: self.start)
    stopped.connected(now: self.start)
    guard case .backOff = stopped.goingAway("bye", hasAnswered: false, now: self.start, jitter: 0) else {
      Issue.record("rested twice")
      return
    }
  }

  @Test func aServerThatAnswersAndGoesAwayIsConnectedAgainAtOnceEachTime() {
    var machine = self.machine(.ready)
    for _ in 0..<10 {
      #expect(machine.goingAway("bye", hasAnswered: true, now: self.start, jitter: 0) == .rest)
      #expect(machine.connect(now: self.start) == true)
      machine.connected(now: self.start)
    }
    #expect(machine.goingAway("bye", hasAnswered: false, now: self.start, jitter: 0) == .rest)
  }

  @Test func everyDelayIsWithinItsBounds() {
    var generator = SeededGenerator(seed: 8)
    let backoff = ConnectionBackoff()
    for failures in 0..<40 {
      let exact = min(120.0, (0..<failures).reduce(1.0) { delay, _ in delay * 1.6 })
      for _ in 0..<50 {
        let delay = backoff.delay(afterFailures: failures, jitter: .random(in: -1...1, using: &generator))
        #expect(delay >= .seconds(exact * 0.8 - 0.001) && delay <= .seconds(exact * 1.2 + 0.001))
      }
    }
    // A number outside the range is taken as its end.
    #expect(backoff.delay(afterFailures: 0, jitter: 7) == backoff.delay(afterFailures: 0, jitter: 1))
  }

  @Test func senselessOptionsGiveSensibleDelays() {
    var backoff = ConnectionBackoff()
    backoff.initial = .seconds(-3)
    backoff.multiplier = .nan
    backoff.maximum = .seconds(Int64.max)
    backoff.jitter = -.infinity
    for failures in [0, 1, 1_000] {
      let delay = backoff.delay(afterFailures: failures, jitter: .nan)
      #expect(delay >= .milliseconds(1) && delay <= .seconds(86_400))
    }
  }
}
