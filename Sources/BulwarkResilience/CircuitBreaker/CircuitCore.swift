import Synchronization

/// The part of a breaker that permits keep alive: the machine behind its lock, and what it has posted.
final class CircuitCore: Sendable {
  /// What the machine's lock guards.
  private struct Control: Sendable {
    var machine: CircuitBreakerMachine
    /// The number of what is posted.
    var number: UInt32 = 0
    /// How many transitions there were.
    var transitions: UInt32 = 0
    var jitter: JitterGenerator
    /// None before ``attach(_:)`` and after ``detach()``.
    var stripes = InlineArray<4, CircuitStripe?>(repeating: nil)

    func recall() -> UInt64 {
      var count: UInt64 = 0
      for index in self.stripes.indices { count += self.stripes[index]?.tally.recall() ?? 0 }
      return count
    }
  }

  let clock: PolicyClock
  let gate = CircuitGate()
  private let control: Mutex<Control>

  init(_ settings: CircuitBreakerSettings, clock: PolicyClock, jitter: JitterGenerator) {
    self.clock = clock
    var jitter = jitter
    let machine = CircuitBreakerMachine(settings, at: clock.nanoseconds, using: &jitter)
    self.control = Mutex(Control(machine: machine, jitter: jitter))
  }

  /// Lets the stripes answer and count. They hold the core, so ``detach()`` must follow.
  func attach(_ stripes: borrowing InlineArray<4, CircuitStripe>) {
    self.control.withLock { control in
      for index in stripes.indices { control.stripes[index] = stripes[index] }
    }
    self.change { _ in }
  }

  /// Lets go of the stripes: nobody asks for admission any more. Permits that are still out settle with the machine.
  func detach() {
    // Let go of after the lock.
    _ = self.control.withLock { control in
      control.machine.count(control.recall(), as: self.gate.counting)
      defer { control.stripes = InlineArray(repeating: nil) }
      return control.stripes
    }
  }

  /// A look at the machine as it was left last.
  func read<Result: Sendable>(_ body: (CircuitBreakerMachine) -> Result) -> Result {
    self.control.withLock { body($0.machine) }
  }

  /// An input to the machine that makes no transition.
  @discardableResult
  func change<Result>(_ body: (inout CircuitBreakerMachine) -> Result) -> Result {
    self.modify { body(&$0.machine) }
  }

  /// An input to the machine that may make a transition, which is numbered.
  func decide<Result>(
    _ body: (inout CircuitBreakerMachine, inout JitterGenerator) -> (Result, CircuitTransition?)
  ) -> (Result, CircuitTransition?) {
    self.modify { control in
      var (result, transition) = body(&control.machine, &control.jitter)
      if transition != nil {
        control.transitions &+= 1
        transition?.sequence = control.transitions
      }
      return (result, transition)
    }
  }

  /// The one door to the machine.
  private func modify<Result>(_ body: (inout Control) -> Result) -> Result {
    self.control.withLock { control in
      let counted = self.gate.counting
      if counted != .nothing { control.machine.count(control.recall(), as: counted) }
      let result = body(&control)
      control.number = control.number == .max ? 1 : control.number + 1
      let counting = self.gate.post(
        control.machine.standing,
        slowCallNanoseconds: control.machine.settings.slowCallNanoseconds
      )
      if counting != .nothing {
        for index in control.stripes.indices { control.stripes[index]?.tally.open(control.number) }
      }
      return result
    }
  }
}

extension CircuitBreakerMachine {
  /// Takes over what was counted on its behalf.
  fileprivate mutating func count(_ count: UInt64, as counting: CircuitGate.Counting) {
    switch counting {
    case .nothing: break
    case .successes: self.countSuccesses(count)
    case .rejections: self.countRejections(count)
    }
  }
}
