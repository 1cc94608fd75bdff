import BulwarkCore
import Testing

@testable import BulwarkBalancing

@Suite struct ResolutionTests {
  private func seconds(_ seconds: Int64) -> MonotonicInstant {
    MonotonicInstant(nanoseconds: seconds * 1_000_000_000)
  }

  private let error = RPCError.refused(.number(1))

  /// Resolved by a lookup that began at zero.
  private func resolved(_ options: ResolutionOptions = ResolutionOptions()) -> ResolutionMachine {
    var machine = ResolutionMachine(options: options)
    _ = machine.start(now: self.seconds(0))
    machine.resolved()
    return machine
  }

  @Test func `The first wish for the channel has the addresses looked up, once`() {
    var machine = ResolutionMachine()
    #expect(machine.nextTimer == nil)
    #expect(machine.start(now: self.seconds(0)) == true)
    #expect(machine.start(now: self.seconds(1)) == false)
    #expect(machine.request(now: self.seconds(100)) == false)
    machine.resolved()
    #expect(machine.start(now: self.seconds(100)) == false)
    #expect(machine.nextTimer == nil)
  }

  @Test func `A request before there is any wish for the channel means nothing`() {
    var machine = ResolutionMachine()
    #expect(machine.request(now: self.seconds(0)) == false)
    #expect(machine.start(now: self.seconds(1)) == true)
  }

  @Test func `A request is granted 30 s after the lookup before, and not a nanosecond sooner`() {
    var machine = self.resolved()
    #expect(machine.request(now: self.seconds(30)) == true)
    machine = self.resolved()
    #expect(machine.request(now: MonotonicInstant(nanoseconds: 29_999_999_999)) == false)
    #expect(machine.nextTimer == self.seconds(30))
    #expect(machine.timerFired(now: MonotonicInstant(nanoseconds: 29_999_999_999)) == false)
    #expect(machine.timerFired(now: self.seconds(30)) == true)
  }

  @Test func `Whoever knows better has the addresses looked up at once, if the channel is wanted`() {
    var machine = ResolutionMachine()
    #expect(machine.refresh(now: self.seconds(0)) == false)
    machine = self.resolved()
    #expect(machine.refresh(now: self.seconds(1)) == true)
    machine = self.resolved()
    _ = machine.request(now: self.seconds(1))
    #expect(machine.refresh(now: self.seconds(2)) == true)
    _ = machine.failed(self.error, now: self.seconds(3)) { _ in .seconds(100) }
    #expect(machine.refresh(now: self.seconds(4)) == true)
  }

  @Test func `A lookup that runs when the addresses change is followed by another`() {
    var machine = self.resolved()
    _ = machine.refresh(now: self.seconds(10))
    #expect(machine.refresh(now: self.seconds(11)) == false)
    machine.resolved()
    #expect(machine.timerFired(now: self.seconds(12)) == true)
    machine.resolved()
    #expect(machine.nextTimer == nil)
  }

  @Test func `Many requests are one lookup`() {
    var machine = self.resolved()
    for second in 1...29 as ClosedRange<Int64> {
      #expect(machine.request(now: self.seconds(second)) == false)
    }
    #expect(machine.timerFired(now: self.seconds(30)) == true)
    #expect(machine.request(now: self.seconds(31)) == false)
    machine.resolved()
    #expect(machine.request(now: self.seconds(59)) == false)
    #expect(machine.nextTimer == self.seconds(60))
  }

  @Test func `A refresh comes on its own, and a request does not delay it`() {
    var machine = self.resolved(ResolutionOptions(refreshInterval: .seconds(300)))
    #expect(machine.nextTimer == self.seconds(300))
    #expect(machine.timerFired(now: self.seconds(301)) == true)
    machine.resolved()
    #expect(machine.nextTimer == self.seconds(601))
    machine = self.resolved(ResolutionOptions(refreshInterval: .seconds(10)))
    _ = machine.request(now: self.seconds(5))
    #expect(machine.nextTimer == self.seconds(10))
  }

  @Test func `Failures are retried after the delays that they are given, which an answer resets`() {
    var machine = ResolutionMachine()
    _ = machine.start(now: self.seconds(0))
    for failures in 0..<4 {
      let now = machine.nextTimer ?? self.seconds(0)
      if failures > 0 { #expect(machine.timerFired(now: now) == true) }
      _ = machine.failed(self.error, now: now) { .seconds(1 << $0) }
      #expect(machine.nextTimer == now.advanced(by: .seconds(1 << failures)))
      #expect(machine.request(now: now) == false)
    }
    _ = machine.timerFired(now: self.seconds(100))
    machine.resolved()
    _ = machine.request(now: self.seconds(200))
    _ = machine.failed(self.error, now: self.seconds(200)) { .seconds(1 << $0) }
    #expect(machine.nextTimer == self.seconds(201))
  }

  @Test func `Without an answer a failure is the calls', with one the addresses stay`() {
    var machine = ResolutionMachine()
    _ = machine.start(now: self.seconds(0))
    let first = machine.failed(self.error, now: self.seconds(0)) { _ in .seconds(1) }
    machine = self.resolved()
    _ = machine.request(now: self.seconds(40))
    let later = machine.failed(self.error, now: self.seconds(40)) { _ in .seconds(1) }
    #expect(first == .fail(self.error) && later == .keep)
  }

  @Test func `An answer that nobody waits for changes nothing`() {
    var machine = ResolutionMachine()
    machine.resolved()
    let failure = machine.failed(self.error, now: self.seconds(0)) { _ in .seconds(1) }
    #expect(failure == .fail(self.error))
    #expect(machine.nextTimer == nil)
  }

  @Test(arguments: [
    (ResolutionOptions(minimumInterval: .seconds(-1)), "resolution.minimumInterval"),
    (ResolutionOptions(refreshInterval: .milliseconds(999)), "resolution.refreshInterval"),
  ])
  func `Each bad value is refused by its name`(options: ResolutionOptions, field: String) throws {
    let error = #expect(throws: InvalidBalancingOption.self) { try options.validate() }
    #expect(error?.field == field)
    try ResolutionOptions(minimumInterval: .zero, refreshInterval: .seconds(1)).validate()
  }
}
