/// Whose turn it is to propose: weighted round robin by priority, as Tendermint has it.
///
/// A step gives each validator its power as priority, takes the one with the most (the lowest index among
/// equals), and takes the total power from it. Over time each proposes in proportion to its power. A height's
/// round r is proposed by the validator of step r + 1; the next height starts one step further, whatever round
/// decided this one.
struct ProposerRotation: Hashable, Sendable {
  private(set) var priorities: [Int64]

  /// Goes on from where these validators stand, as `GetValidatorSet` tells it.
  init(of validators: [Validator] = []) {
    self.priorities = validators.map(\.proposerPriority)
  }

  /// Makes place for validators that have become active. They start behind the others, with minus nine eighths
  /// of the total power, so that leaving and coming back gains nobody a turn.
  mutating func extend(to set: ValidatorSet) {
    let total = Int64(clamping: set.totalPower)
    let start = self.priorities.isEmpty ? 0 : (-total).addingClamped(-(total / 8))
    while self.priorities.count < set.validators.count {
      self.priorities.append(start)
    }
  }

  /// Takes one step, and returns the index of the validator whose turn it was.
  @discardableResult
  mutating func step(_ set: ValidatorSet) -> UInt32 {
    self.extend(to: set)
    guard !self.priorities.isEmpty else { return 0 }
    var chosen = 0
    for index in self.priorities.indices {
      self.priorities[index] = self.priorities[index].addingClamped(
        Int64(clamping: set.validators[index].votingPower)
      )
      if self.priorities[index] > self.priorities[chosen] {
        chosen = index
      }
    }
    self.priorities[chosen] = self.priorities[chosen].addingClamped(-Int64(clamping: set.totalPower))
    return UInt32(clamping: chosen)
  }

  /// Who proposes in this round of the height that the rotation stands at.
  func proposer(round: UInt32, of set: ValidatorSet) -> UInt32 {
    var copy = self
    for _ in 0..<round {
      copy.step(set)
    }
    return copy.step(set)
  }
}

extension Int64 {
  fileprivate func addingClamped(_ other: Int64) -> Int64 {
    let (sum, overflow) = self.addingReportingOverflow(other)
    guard overflow else { return sum }
    return other < 0 ? .min : .max
  }
}
