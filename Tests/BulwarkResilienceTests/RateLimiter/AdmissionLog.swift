/// What a limiter let through, and the naive judge of it.
struct AdmissionLog: Sendable {
  struct Entry: Hashable, Sendable {
    var instant: Int64
    var cells: Int64
  }

  var entries: [Entry] = []

  mutating func add(_ cells: Int64, at instant: Int64) {
    self.entries.append(Entry(instant: instant, cells: cells))
  }

  mutating func remove(_ cells: Int64, at instant: Int64) {
    guard let index = self.entries.lastIndex(of: Entry(instant: instant, cells: cells)) else { return }
    self.entries.remove(at: index)
  }

  /// By how many cells the fullest of all windows goes beyond `burst + rate * (window + 1 ns)`; 0 if none does.
  ///
  /// It is the level of a leaky bucket of unlimited size: the highest sum over any window less what leaks out during it.
  func excess(rate: Double, burst: Int) -> Double {
    var level = 0.0
    var worst = 0.0
    var last = Int64.min
    for entry in self.entries.sorted(by: { $0.instant < $1.instant }) {
      if last != .min { level = max(0, level - rate / 1e9 * Double(entry.instant - last)) }
      last = entry.instant
      level += Double(entry.cells)
      worst = max(worst, level - Double(burst) - rate / 1e9)
    }
    // The judge's own rounding.
    return worst > 1e-6 * Double(burst) ? worst : 0
  }
}
