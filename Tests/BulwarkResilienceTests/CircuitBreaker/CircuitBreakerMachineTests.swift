import BulwarkTestKit
import Testing

@testable import BulwarkResilience

private let second: Int64 = 1_000_000_000

/// A machine with the time that it is told.
private struct Rig {
  var machine: CircuitBreakerMachine
  var now: Int64 = 0
  private var generator = SeededGenerator(seed: 1)

  init(_ options: CircuitBreakerOptions = CircuitBreakerOptions(), seed: UInt64 = 1) {
    self.generator = SeededGenerator(seed: seed)
    self.machine = CircuitBreakerMachine(CircuitBreakerSettings(options), at: 0, using: &self.generator)
  }

  mutating func admit() -> (admission: CircuitAdmission, transition: CircuitTransition?) {
    self.machine.admit(at: self.now, using: &self.generator)
  }

  /// A ticket, or nil for a refusal.
  mutating func ticket() -> CircuitTicket? {
    guard case .admitted(let ticket) = self.admit().admission else { return nil }
    return ticket
  }

  mutating func refusal() -> Refusal? {
    guard case .refused(let refusal) = self.admit().admission else { return nil }
    return refusal
  }

  @discardableResult
  mutating func settle(_ ticket: CircuitTicket?, _ verdict: Verdict) -> CircuitTransition? {
    guard let ticket else { return nil }
    return self.machine.settle(ticket, as: verdict, at: self.now, using: &self.generator)
  }

  @discardableResult
  mutating func call(_ verdict: Verdict) -> CircuitTransition? {
    self.settle(self.ticket(), verdict)
  }

  mutating func take(_ control: CircuitBreakerMachine.Control) -> CircuitTransition? {
    self.machine.take(control, at: self.now)
  }

  /// Opens it with ten failures.
  mutating func trip() {
    for _ in 0..<10 { self.call(.failure) }
  }

  /// Opens it, and goes to where the break is over.
  mutating func tripAndWait() {
    self.trip()
    self.now += 60 * second
  }
}

@Suite struct CircuitBreakerMachineTests {
  // MARK: Closed

  @Test func `A closed circuit admits`() {
    var rig = Rig()
    let (admission, transition) = rig.admit()
    #expect(admission == .admitted(CircuitTicket(start: 0, generation: 1)))
    #expect(transition == nil)
  }

  @Test func `It opens at the threshold exactly, once there are enough calls`() {
    var rig = Rig()
    for verdict in [
      Verdict.success, .failure, .success, .failure, .success, .failure, .success, .failure, .success,
    ] {
      #expect(rig.call(verdict) == nil)
    }
    let opened = CircuitTransition(
      from: .closed,
      to: .open,
      cause: .failureRate,
      breakDuration: .seconds(60)
    )
    #expect(rig.call(.failure) == opened)
    #expect(rig.machine.generation == 2)
  }

  @Test func `It stays closed below the minimum of calls, whatever their share`() {
    var rig = Rig()
    for _ in 0..<9 { #expect(rig.call(.failure) == nil) }
    #expect(rig.machine.state == .closed)
  }

  @Test func `A success opens it too, if it makes up the minimum`() {
    var rig = Rig(CircuitBreakerOptions(minimumCalls: 2))
    #expect(rig.call(.failure) == nil)
    #expect(rig.call(.success)?.to == .open)
  }

  @Test(arguments: [1.0 / 3, 0.1, 0.7, 2.0 / 3, 1])
  func `A share that a double cannot hold is reached where it should be`(threshold: Double) {
    for calls in 1...60 {
      for failures in 0...calls {
        let settings = CircuitBreakerSettings(CircuitBreakerOptions(failureThreshold: threshold))
        let isReached = settings.reachesFailureThreshold(UInt64(failures), of: UInt64(calls))
        #expect(isReached == (Double(failures) / Double(calls) >= threshold), "\(failures) of \(calls)")
      }
    }
  }

  @Test func `A neutral outcome counts nowhere`() {
    var rig = Rig(CircuitBreakerOptions(minimumCalls: 1, consecutiveFailures: 2))
    rig.call(.neutral)
    #expect(rig.machine.window.sum == .init())
    #expect(rig.machine.totals.neutral == 1)
  }

  @Test func `Failures leave the window with time`() {
    var rig = Rig()
    for _ in 0..<9 { rig.call(.failure) }
    rig.now += 60 * second
    #expect(rig.call(.failure) == nil)
    #expect(rig.machine.window.sum.calls == 1)
  }

  @Test func `Failures in a row open it, and a success between them does not let it`() {
    var rig = Rig(CircuitBreakerOptions(minimumCalls: 1000, consecutiveFailures: 3))
    for verdict in [Verdict.failure, .failure, .success, .failure, .neutral, .failure] {
      #expect(rig.call(verdict) == nil)
    }
    #expect(rig.call(.failure)?.cause == .consecutiveFailures)
  }

  @Test func `Slow calls open it, failed or not`() {
    var rig = Rig(
      CircuitBreakerOptions(minimumCalls: 4, slowCallThreshold: .seconds(2), slowCallRateThreshold: 0.5)
    )
    for (duration, verdict) in [(2, Verdict.success), (1, .success), (1, .success)] as [(Int64, Verdict)] {
      let ticket = rig.ticket()
      rig.now += duration * second
      #expect(rig.settle(ticket, verdict) == nil)
    }
    let ticket = rig.ticket()
    rig.now += 2 * second
    #expect(rig.settle(ticket, .failure)?.cause == .slowCallRate)
    #expect(rig.machine.totals.slowCalls == 2)
  }

  // MARK: Open

  @Test func `An open circuit refuses, and says when to come back`() {
    var rig = Rig()
    rig.trip()
    rig.now += 59 * second
    #expect(rig.refusal() == Refusal(.circuitOpen, retryAfter: second))
    #expect(rig.machine.retryAfter(at: rig.now) == second)
    #expect(rig.machine.window.sum.rejections == 1)
  }

  @Test func `Calls that were admitted before it opened no longer count`() {
    var rig = Rig()
    let early = rig.ticket()
    rig.trip()
    #expect(rig.settle(early, .success) == nil)
    #expect(rig.machine.totals.stale == 1)
    #expect(rig.machine.window.sum.calls == 10)
  }

  @Test func `After the break the first call is a probe`() {
    var rig = Rig()
    rig.tripAndWait()
    #expect(rig.machine.retryAfter(at: rig.now) == nil)
    let (admission, transition) = rig.admit()
    #expect(admission == .admitted(CircuitTicket(start: rig.now, generation: 3, probe: 1)))
    #expect(transition == CircuitTransition(from: .open, to: .halfOpen, cause: .breakOver))
  }

  @Test func `Each break is longer than the last until probes succeed, then the first one again`() {
    var rig = Rig()
    rig.trip()
    var breaks: [Duration?] = []
    for expected in [60, 120, 240, 480, 600, 600] as [Int64] {
      #expect(rig.machine.retryAfter(at: rig.now) == expected * second)
      rig.now += expected * second
      breaks.append(rig.call(.failure)?.breakDuration)
    }
    #expect(breaks == [120, 240, 480, 600, 600, 600].map { .seconds($0) })
    rig.now += 600 * second
    for _ in 0..<5 { rig.call(.success) }
    #expect(rig.machine.state == .closed)
    rig.trip()
    #expect(rig.machine.retryAfter(at: rig.now) == 60 * second)
  }

  @Test func `The jitter of a break comes from the generator`() {
    let options = CircuitBreakerOptions(breakDuration: Backoff(base: .seconds(60), maximum: .seconds(600)))
    let breaks = (1...20 as ClosedRange<UInt64>).map { seed in
      var rig = Rig(options, seed: seed)
      rig.trip()
      return rig.machine.retryAfter(at: 0) ?? 0
    }
    #expect(Set(breaks).count == 20)
    #expect(breaks.allSatisfy { (45 * second...75 * second).contains($0) })
  }

  // MARK: Half-open

  @Test func `A half-open circuit closes after enough successes, with nothing counted`() {
    var rig = Rig()
    rig.tripAndWait()
    for _ in 0..<4 { _ = rig.call(.success) }
    #expect(rig.machine.state == .halfOpen)
    let closed = CircuitTransition(from: .halfOpen, to: .closed, cause: .probesSucceeded)
    #expect(rig.call(.success) == closed)
    #expect(rig.machine.window.sum.calls == 0)
  }

  @Test func `One failure opens it again where no more probes than successes are allowed`() {
    var rig = Rig()
    rig.tripAndWait()
    for _ in 0..<4 { rig.call(.success) }
    let opened = rig.call(.failure)
    #expect(opened?.cause == .probeFailed)
    #expect(opened?.from == .halfOpen)
  }

  @Test func `Further probes bear as many failures as leave the successes in reach`() {
    var rig = Rig(CircuitBreakerOptions(successThreshold: 2, probeLimit: 4))
    rig.tripAndWait()
    #expect(rig.call(.failure) == .none)
    #expect(rig.call(.failure) == nil)
    #expect(rig.call(.success) == nil)
    #expect(rig.call(.success)?.to == .closed)
    rig.tripAndWait()
    for _ in 0..<2 { #expect(rig.call(.failure) == nil) }
    #expect(rig.call(.failure)?.to == .open)
  }

  @Test func `It caps the probes under way`() {
    var rig = Rig(CircuitBreakerOptions(concurrentProbes: 2))
    rig.tripAndWait()
    let probes = [rig.ticket(), rig.ticket()]
    #expect(rig.refusal() == Refusal(.probesExhausted))
    rig.settle(probes[0], .success)
    #expect(rig.ticket() != nil)
    #expect(rig.refusal() != nil)
  }

  @Test func `It caps the probes in all`() {
    var rig = Rig(CircuitBreakerOptions(successThreshold: 3))
    rig.tripAndWait()
    let probes = (0..<3).map { _ in rig.ticket() }
    #expect(rig.refusal() == Refusal(.probesExhausted))
    rig.settle(probes[0], .success)
    #expect(rig.refusal() == Refusal(.probesExhausted))
  }

  @Test func `A neutral probe gives its place back and decides nothing`() {
    var rig = Rig(CircuitBreakerOptions(successThreshold: 1))
    rig.tripAndWait()
    for _ in 0..<1000 {
      #expect(rig.call(.neutral) == nil)
      #expect(rig.machine.state == .halfOpen)
    }
    #expect(rig.call(.success)?.to == .closed)
  }

  @Test func `A probe that never settles counts as failed when its lease is over`() {
    var rig = Rig(CircuitBreakerOptions(successThreshold: 1, probeLease: .seconds(30)))
    rig.tripAndWait()
    let lost = rig.ticket()
    rig.now += 30 * second - 1
    #expect(rig.refusal() == Refusal(.probesExhausted))
    rig.now += 1
    let (admission, transition) = rig.admit()
    #expect(admission == .refused(Refusal(.circuitOpen, retryAfter: 120 * second)))
    #expect(transition?.cause == .probeFailed && transition?.breakDuration == .seconds(120))
    #expect(rig.settle(lost, .success) == nil, "its vote is cast")
    #expect(rig.machine.totals.stale == 1 && rig.machine.totals.openings == 2)
    #expect(rig.machine.totals.failures == 10, "nothing is known of how it ended")
  }

  @Test func `A probe that never settles is one of those that may fail`() {
    var rig = Rig(CircuitBreakerOptions(successThreshold: 1, probeLimit: 2, concurrentProbes: 1))
    rig.tripAndWait()
    #expect(rig.ticket() != nil)
    rig.now += 30 * second
    let second = rig.ticket()
    #expect(second != nil && rig.machine.probes.failed == 1)
    #expect(rig.settle(second, .success)?.to == .closed)
  }

  @Test func `What settles shows the circuit that another probe never did`() {
    var rig = Rig(CircuitBreakerOptions(successThreshold: 2))
    rig.tripAndWait()
    #expect(rig.ticket() != nil)
    rig.now += 20 * second
    let later = rig.ticket()
    rig.now += 20 * second
    #expect(rig.settle(later, .success)?.cause == .probeFailed)
  }

  @Test func `A probe whose lease is over has no vote even if nobody took its place`() {
    var rig = Rig(CircuitBreakerOptions(successThreshold: 1))
    rig.tripAndWait()
    let late = rig.ticket()
    rig.now += 31 * second
    #expect(rig.settle(late, .success)?.cause == .probeFailed)
    #expect(rig.machine.totals.stale == 1 && rig.machine.state == .open)
  }

  @Test func `A probe votes once`() {
    var rig = Rig(CircuitBreakerOptions(successThreshold: 2))
    rig.tripAndWait()
    let probe = rig.ticket()
    rig.settle(probe, .success)
    rig.settle(probe, .success)
    #expect(rig.machine.state == .halfOpen)
    #expect(rig.machine.totals.stale == 1)
  }

  @Test func `A slow probe counts as failed`() {
    var rig = Rig(CircuitBreakerOptions(slowCallThreshold: .seconds(1)))
    rig.tripAndWait()
    let probe = rig.ticket()
    rig.now += second
    #expect(rig.settle(probe, .success)?.cause == .probeFailed)
  }

  // MARK: Recovering

  private static let ramp = CircuitBreakerOptions(
    successThreshold: 1,
    recovery: RecoveryRamp(duration: .seconds(10), initialShare: 0.1)
  )

  @Test func `With a ramp a growing share passes until all does`() {
    var rig = Rig(Self.ramp)
    rig.tripAndWait()
    #expect(rig.call(.success)?.to == .recovering)
    var admitted: [Int] = []
    for _ in 0..<10 {
      admitted.append((0..<100).count { _ in rig.ticket() != nil })
      rig.now += second
    }
    #expect(admitted == [10, 19, 28, 37, 46, 55, 64, 73, 82, 91])
    let (admission, transition) = rig.admit()
    #expect(transition == CircuitTransition(from: .recovering, to: .closed, cause: .recovered))
    #expect(admission != .refused(Refusal(.recovering)))
    #expect(rig.ticket() != nil)
  }

  @Test func `The first call of a recovery passes, the next one is told so`() {
    var rig = Rig(Self.ramp)
    rig.tripAndWait()
    rig.call(.success)
    #expect(rig.ticket() != nil)
    #expect(rig.refusal() == Refusal(.recovering))
  }

  @Test func `Failures that come back open it for longer`() {
    var rig = Rig(Self.ramp)
    rig.tripAndWait()
    rig.call(.success)
    rig.now += 9 * second
    var opened: CircuitTransition?
    for _ in 0..<20 where opened == nil { opened = rig.call(.failure) }
    let expected = CircuitTransition(
      from: .recovering,
      to: .open,
      cause: .failureRate,
      breakDuration: .seconds(120)
    )
    #expect(opened == expected)
  }

  @Test func `A call admitted while recovering still counts once it is closed`() {
    var rig = Rig(Self.ramp)
    rig.tripAndWait()
    rig.call(.success)
    let ticket = rig.ticket()
    rig.now += 10 * second
    rig.call(.success)
    #expect(rig.machine.state == .closed)
    rig.settle(ticket, .failure)
    #expect(rig.machine.window.sum == .init(calls: 2, failures: 1))
  }

  // MARK: By hand

  @Test func `Held open it refuses for good, and nothing ends that but an order`() {
    var rig = Rig()
    let early = rig.ticket()
    let forced = CircuitTransition(from: .closed, to: .forcedOpen, cause: .manual)
    #expect(rig.take(.forcedOpen) == forced)
    rig.now += 1_000_000 * second
    #expect(rig.refusal() == Refusal(.circuitForcedOpen))
    #expect(rig.machine.retryAfter(at: rig.now) == .max)
    #expect(rig.settle(early, .failure) == nil)
    #expect(rig.take(.forcedOpen) == nil)
    #expect(rig.take(.automatic)?.to == .closed)
    #expect(rig.ticket() != nil)
  }

  @Test func `Disabled it admits all and counts nothing`() {
    var rig = Rig(CircuitBreakerOptions(minimumCalls: 1))
    rig.trip()
    #expect(rig.take(.disabled)?.from == .open)
    for _ in 0..<20 { #expect(rig.call(.failure) == nil) }
    #expect(rig.machine.state == .disabled)
    #expect(rig.machine.window.sum.calls == 0)
    #expect(rig.machine.totals.stale == 0)
  }

  @Test func `For the meter alone it refuses nobody, and counts whom it would have refused`() {
    var rig = Rig()
    #expect(rig.take(.metricsOnly)?.to == .metricsOnly)
    rig.trip()
    #expect(rig.machine.state == .metricsOnly)
    #expect(rig.machine.shadowState == .open)
    #expect(rig.machine.retryAfter(at: rig.now) == nil)
    for _ in 0..<3 { #expect(rig.call(.failure) == nil) }
    #expect(rig.machine.totals.rejections == 3)
    #expect(rig.machine.totals.openings == 1)
    #expect(rig.machine.totals.failures == 10, "a call that would not have run has no outcome")
    rig.now += 60 * second
    for _ in 0..<5 { #expect(rig.call(.success) == nil) }
    #expect(rig.machine.shadowState == .closed)
  }

  @Test(arguments: [CircuitBreakerMachine.Control.automatic, .metricsOnly, .forcedOpen, .disabled])
  func `Every order starts from closed with nothing counted`(control: CircuitBreakerMachine.Control) {
    var rig = Rig()
    rig.tripAndWait()
    let probe = rig.ticket()
    _ = rig.take(control)
    #expect(rig.machine.shadowState == .closed)
    #expect(rig.machine.window.sum.calls == 0)
    #expect(rig.settle(probe, .failure) == nil)
    _ = rig.take(.automatic)
    rig.trip()
    #expect(rig.machine.retryAfter(at: rig.now) == 60 * second)
  }

  // MARK: Beginnings, settings, and the end of the numbers

  @Test(arguments: CircuitState.allCases)
  func `It begins in the state that it is told`(state: CircuitState) {
    var rig = Rig(CircuitBreakerOptions(recovery: RecoveryRamp(duration: .seconds(1)), initialState: state))
    #expect(rig.machine.state == state)
    let admits = rig.ticket() != nil
    #expect(admits == (state != .open && state != .forcedOpen))
  }

  @Test func `Other settings hold from the next outcome on, and lose no count`() {
    var rig = Rig()
    for _ in 0..<9 { rig.call(.failure) }
    rig.machine.reconfigure(
      CircuitBreakerSettings(CircuitBreakerOptions(minimumCalls: 3, window: .seconds(6), buckets: 6)),
      at: rig.now
    )
    #expect(rig.machine.window.sum.failures == 9)
    #expect(rig.machine.state == .closed)
    #expect(rig.call(.success)?.to == .open)
  }

  @Test func `Other settings leave a half-open circuit half-open, with room for its probes`() {
    var rig = Rig(CircuitBreakerOptions(successThreshold: 5))
    rig.tripAndWait()
    for _ in 0..<4 { rig.call(.success) }
    let old = rig.ticket()
    rig.machine.reconfigure(CircuitBreakerSettings(CircuitBreakerOptions(successThreshold: 2)), at: rig.now)
    #expect(rig.machine.state == .halfOpen)
    rig.settle(old, .failure)
    #expect(rig.call(.success) == nil)
    #expect(rig.call(.success)?.to == .closed)
  }

  @Test func `A ramp that is taken away ends the recovery with the next call`() {
    var rig = Rig(Self.ramp)
    rig.tripAndWait()
    rig.call(.success)
    rig.machine.reconfigure(CircuitBreakerSettings(CircuitBreakerOptions()), at: rig.now)
    rig.now -= second
    #expect(rig.admit().transition?.cause == .recovered)
  }

  @Test func `No instant makes it trap`() {
    for now in [Int64.min, -1, 0, .max - 1, .max] {
      for later in [Int64.min, -1, 0, .max - 1, .max] {
        var rig = Rig(
          CircuitBreakerOptions(
            slowCallThreshold: .seconds(1),
            successThreshold: 1,
            probeLease: .longestOption,
            recovery: RecoveryRamp(duration: .longestOption)
          )
        )
        rig.now = now
        rig.trip()
        rig.now = later
        let probe = rig.ticket()
        rig.now = now
        rig.settle(probe, .success)
        rig.now = later
        for _ in 0..<5 { rig.call(.failure) }
        _ = rig.machine.stats(at: now)
      }
    }
  }
}
