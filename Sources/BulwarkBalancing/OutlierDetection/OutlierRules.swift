/// Which endpoints a rule finds, by their calls in one interval: indices of the list of tallies, and how bad each is.
struct Outlier: Hashable {
  var index: Int
  /// To compare those that the same rule found; more is worse.
  var badness: Double
  var cause: Ejection.Cause
}

extension SuccessRateEjection {
  func outliers(in tallies: [CallTally]) -> [Outlier] {
    let rates = tallies.indices.filter { tallies[$0].calls >= max(self.requestVolume, 1) }
      .map { (index: $0, rate: 1 - tallies[$0].failureShare) }
    guard !rates.isEmpty, rates.count >= self.minimumHosts else { return [] }
    let count = Double(rates.count)
    let mean = rates.reduce(0) { $0 + $1.rate } / count
    let variance = rates.reduce(0) { $0 + ($1.rate - mean) * ($1.rate - mean) } / count
    // A little less, so that the rounding of a mean does not put endpoints that are all alike below it.
    let threshold = mean - variance.squareRoot() * Double(self.stdevFactor) / 1000 - 1e-9
    return rates.filter { $0.rate < threshold }
      .map { Outlier(index: $0.index, badness: 1 - $0.rate, cause: .successRate) }
  }
}

extension FailurePercentageEjection {
  func outliers(in tallies: [CallTally]) -> [Outlier] {
    let judged = tallies.indices.filter { tallies[$0].calls >= max(self.requestVolume, 1) }
    guard judged.count >= self.minimumHosts else { return [] }
    // In whole numbers, so that 85 of 100 are not more than 85 %.
    return judged.filter { tallies[$0].failures * 100 > self.threshold * tallies[$0].calls }
      .map { Outlier(index: $0, badness: tallies[$0].failureShare, cause: .failurePercentage) }
  }
}

extension CommitteeEjection {
  private static let normalDeviation = 1.4826

  /// The worst first.
  func outliers(in tallies: [CallTally]) -> [Outlier] {
    let judged = tallies.indices.filter { tallies[$0].calls >= self.requestVolume }
    let shares = judged.map { tallies[$0].failureShare }
    var found: [Outlier] = []
    for (position, index) in judged.enumerated() {
      let low = Wilson.lowerBound(tallies[index].failures, of: tallies[index].calls)
      guard let limit = self.limit(for: position, of: shares, least: self.minimumDifference), low > limit
      else {
        continue
      }
      found.append(Outlier(index: index, badness: low - limit, cause: .committeeFailures))
    }
    found.sort { $0.badness > $1.badness }
    let failing = Set(found.map(\.index))
    return found + self.slow(in: tallies).filter { !failing.contains($0.index) }
  }

  private func slow(in tallies: [CallTally]) -> [Outlier] {
    guard let latencyFactor else { return [] }
    let judged = tallies.indices.filter { tallies[$0].successes >= self.requestVolume }
    let latencies = judged.map { tallies[$0].logLatency }
    return judged.enumerated().compactMap { position, index in
      let least = binaryLogarithm(latencyFactor)
      guard let limit = self.limit(for: position, of: latencies, least: least), latencies[position] > limit
      else {
        return nil
      }
      return Outlier(index: index, badness: latencies[position] - limit, cause: .committeeLatency)
    }.sorted { $0.badness > $1.badness }
  }

  /// What the others' values allow; nil if there are no others.
  private func limit(for position: Int, of values: [Double], least: Double) -> Double? {
    var others = values
    others.remove(at: position)
    guard let median = Median.of(others), let deviation = Median.of(others.map { abs($0 - median) }) else {
      return nil
    }
    return median + max(self.deviations * Self.normalDeviation * deviation, least)
  }
}
