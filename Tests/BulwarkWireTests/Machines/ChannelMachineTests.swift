import BulwarkCore
import BulwarkTestKit
import Testing

@testable import BulwarkWire

@Suite struct ChannelMachineTests {
  private enum State: CaseIterable {
    case idle, connecting, ready, backingOff, reconnecting, closed
  }

  private let start = MonotonicInstant(nanoseconds: 0)

  private func seconds(_ seconds: Int64) -> MonotonicInstant {
    MonotonicInstant(nanoseconds: seconds * 1_000_000_000)
  }

  /// A machine that has come to the state by `start`.
  private func machine(_ state: State) -> ChannelMachine {
    var machine = ChannelMachine(backoff: ConnectionBackoff())
    if state == .idle { return machine }
    _ = machine.call(waitForReady: false, now: self.start)
    switch state {
    case .idle, .connecting: break
    case .ready: machine.connected(now: self.start)
    case .backingOff: _ = machine.connectFailed("refused", now: self.start, jitter: 0)
    case .reconnecting:
      _ = machine.connectFailed("refused", now: self.start, jitter: 0)
      _ = machine.backoffElapsed(now: self.start)
    case .closed: machine.close()
    }
    return machine
  }

  private let notConnected = RPCError(
    code: .unavailable,
    message: "not connected: refused",
    origin: .transport
  )

  @Test func aCallConnectsSendsWaitsOrFailsByTheState() {
    let expected: [(State, Bool, ChannelMachine.OnCall)] = [
      (.idle, false, .connect), (.idle, true, .connect), (.connecting, false, .wait),
      (.connecting, true, .wait), (.ready, false, .send), (.ready, true, .send),
      (.backingOff, false, .fail(self.notConnected)), (.backingOff, true, .wait),
      (.reconnecting, false, .fail(self.notConnected)), (.reconnecting, true, .wait),
      (.closed, false, .fail(.clientClosed)), (.closed, true, .fail(.clientClosed)),
    ]
    for (state, waits, action) in expected {
      var machine = self.machine(state)
      #expect(machine.call(waitForReady: waits, now: self.start) == action, "\(state)")
    }
  }

  @Test func onlyAnAttemptThatRunsCanSucceedOrFail() {
    for state in State.allCases {
      var machine = self.machine(state)
      let failure = machine.connectFailed("refused", now: self.start, jitter: 0)
      if state == .connecting || state == .reconnecting {
        #expect(failure != .doNothing)
      } else {
        #expect(failure == .doNothing && machine == self.machine(state))
      }
      var other = self.machine(state)
      other.connected(now: self.start)
      let isReady = other.call(waitForReady: false, now: self.start) == .send
      #expect(isReady == [.connecting, .reconnecting, .ready].contains(state))
    }
  }

  @Test func onlyAReadyConnectionCanBeLostOrGoAway() {
    for state in State.allCases where state != .ready {
      var machine = self.machine(state)
      #expect(machine.connectionLost("gone", now: self.seconds(100), jitter: 0) == .doNothing)
      #expect(machine.goingAway("bye", now: self.seconds(100), jitter: 0) == .doNothing)
      #expect(machine == self.machine(state))
    }
  }

  @Test func onlyABackoffCanElapse() {
    for state in State.allCases {
      var machine = self.machine(state)
      #expect(machine.backoffElapsed(now: self.seconds(1)) == (state == .backingOff))
    }
  }

  @Test func onlyAConnectionAndAWaitForOneAreGivenUpForLackOfCalls() {
    for state in State.allCases {
      var machine = self.machine(state)
      let isGivenUp = state == .ready || state == .backingOff
      #expect(machine.goIdle() == isGivenUp, "\(state)")
      #expect(machine == self.machine(isGivenUp ? .idle : state), "\(state)")
    }
  }

  @Test func closedIsFinal() {
    for state in State.allCases {
      var machine = self.machine(state)
      machine.close()
      #expect(machine.isClosed)
      machine.connected(now: self.start)
      #expect(machine.connectFailed("x", now: self.start, jitter: 0) == .doNothing)
      #expect(machine.backoffElapsed(now: self.start) == false)
      #expect(machine.isClosed)
    }
  }

  @Test func delaysGrowUntilAConnectionLives() {
    var machine = self.machine(.connecting)
    var now = self.start
    for delay in [1.0, 1.6, 2.56, 4.096] {
      guard case .backOff(let until, failing: _) = machine.connectFailed("refused", now: now, jitter: 0)
      else {
        Issue.record("no backoff")
        return
      }
      #expect(abs((now.duration(to: until) - .seconds(delay)).saturatedNanoseconds) < 1_000)
      now = until
      #expect(machine.backoffElapsed(now: now) == true)
    }
    machine.connected(now: now)
    now = now.advanced(by: .seconds(1))
    #expect(machine.connectionLost("gone", now: now, jitter: 0) == .connect)
    let next = machine.connectFailed("refused", now: now, jitter: 0)
    guard case .backOff(let until, failing: _) = next else {
      Issue.record("no backoff")
      return
    }
    #expect(now.duration(to: until) == .seconds(1))
  }

  @Test func aBackoffIsCountedFromTheStartOfItsAttempt() {
    var machine = self.machine(.connecting)
    let action = machine.connectFailed("slow", now: self.seconds(20), jitter: 0)
    guard case .backOff(until: self.seconds(20), failing: _) = action else {
      Issue.record("\(action)")
      return
    }
  }

  @Test func aServerThatHangsUpAtOnceIsNotHammered() {
    var lost = self.machine(.ready)
    guard case .backOff = lost.connectionLost("gone", now: self.start, jitter: 0) else {
      Issue.record("connected again at once")
      return
    }
    var stopped = self.machine(.ready)
    #expect(stopped.goingAway("bye", now: self.start, jitter: 0) == .connect)
    stopped.connected(now: self.start)
    guard case .backOff = stopped.goingAway("bye", now: self.start, jitter: 0) else {
      Issue.record("connected again at once, twice")
      return
    }
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
