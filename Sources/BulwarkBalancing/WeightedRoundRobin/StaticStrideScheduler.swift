/// Gives turns by weight, evenly spread: the static stride scheduler that gRPC C++, Go and Java share.
///
/// Turns go round; in each round an index gets its turn or is passed over, so that it has `weight` turns in 65535
/// rounds. A weight above ten times the mean is taken for that, so that at most ten indices are passed over for each
/// turn on average; one below a hundredth of the mean is taken for that.
struct StaticStrideScheduler: Sendable {
  private static let maximum: UInt64 = 65_535
  private static let maximumRatio = 10.0
  private static let minimumRatio = 0.01

  private var weights: [UInt64] = []
  private var sequence: UInt64 = 0

  var isEmpty: Bool { self.weights.isEmpty }

  /// Begins at a place that follows from the number, so that many clients do not take the same turns.
  mutating func start(at random: UInt64) {
    self.sequence = random >> 32
  }

  /// Takes other weights, of any unit; zero for one that is not known, which is taken for the mean of the others.
  mutating func setWeights(_ count: Int, _ weight: (Int) -> Double) {
    self.weights.removeAll(keepingCapacity: true)
    var sum = 0.0
    var largest = 0.0
    var known = 0
    for index in 0..<count {
      let weight = weight(index)
      guard weight > 0 else { continue }
      sum += weight
      largest = max(largest, weight)
      known += 1
    }
    guard known > 0 else {
      self.weights.append(contentsOf: repeatElement(Self.maximum, count: count))
      return
    }
    let mean = sum / Double(known)
    largest = min(largest, mean * Self.maximumRatio)
    let scale = Double(Self.maximum) / largest
    let lowest = max(mean * scale * Self.minimumRatio, 1)
    for index in 0..<count {
      let weight = weight(index)
      let scaled = weight > 0 ? max(min(weight, largest) * scale, lowest) : mean * scale
      self.weights.append(min(UInt64(scaled.rounded()), Self.maximum))
    }
  }

  /// The index whose turn it is. There is at least one.
  mutating func next() -> Int {
    let count = UInt64(self.weights.count)
    while true {
      let (round, index) = self.sequence.quotientAndRemainder(dividingBy: count)
      self.sequence &+= 1
      let weight = self.weights[Int(index)]
      // Half a round is between neighbours, so that two of the same weight are not passed over in the same rounds.
      let place = (weight &* round &+ index &* (Self.maximum / 2)) % Self.maximum
      if place >= Self.maximum - weight { return Int(index) }
    }
  }
}
