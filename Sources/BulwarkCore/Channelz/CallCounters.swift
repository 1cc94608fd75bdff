import Synchronization

/// How many calls there were, and how they ended.
package struct CallTotals: Hashable, Sendable {
  package var started: Int64 = 0
  /// Those that ended with OK.
  package var succeeded: Int64 = 0
  /// Those that ended with another status, or were given up.
  package var failed: Int64 = 0
  /// When the latest one began; nil before the first.
  package var lastStarted: MonotonicInstant?

  package init() {}

  package static func + (lhs: Self, rhs: Self) -> Self {
    var sum = lhs
    sum.started &+= rhs.started
    sum.succeeded &+= rhs.succeeded
    sum.failed &+= rhs.failed
    sum.lastStarted = [lhs.lastStarted, rhs.lastStarted].compactMap(\.self).max()
    return sum
  }
}

/// Counts the calls of one event loop, or of one connection of it, for channelz (gRFC A14).
///
/// One thread counts and any thread reads: a figure is a relaxed atomic with a single writer, so that counting is a plain
/// load and a plain store, and a reader sees each figure as it was a moment ago.
package struct CallCounters: ~Copyable, Sendable {
  private let started = Atomic<Int64>(0)
  private let succeeded = Atomic<Int64>(0)
  private let failed = Atomic<Int64>(0)
  private let lastStarted = Atomic<Int64>(Int64.min)

  package init() {}

  package func callStarted(at instant: MonotonicInstant) {
    self.started.countOne()
    self.lastStarted.store(instant.nanoseconds, ordering: .relaxed)
  }

  package func callEnded(isOK: Bool) {
    if isOK { self.succeeded.countOne() } else { self.failed.countOne() }
  }

  package var totals: CallTotals {
    var totals = CallTotals()
    totals.started = self.started.load(ordering: .relaxed)
    totals.succeeded = self.succeeded.load(ordering: .relaxed)
    totals.failed = self.failed.load(ordering: .relaxed)
    totals.lastStarted = self.lastStarted.instant
    return totals
  }
}

extension Atomic where Value == Int64 {
  /// Adds one to a figure that a single thread writes.
  func countOne() {
    self.store(self.load(ordering: .relaxed) &+ 1, ordering: .relaxed)
  }

  /// The figure as an instant; nil for the lowest, which stands for none.
  var instant: MonotonicInstant? {
    let nanoseconds = self.load(ordering: .relaxed)
    return nanoseconds == .min ? nil : MonotonicInstant(nanoseconds: nanoseconds)
  }
}
