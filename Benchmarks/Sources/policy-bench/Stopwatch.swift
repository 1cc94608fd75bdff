import CAllocations
import Foundation
import Synchronization

/// What was measured of one operation.
struct Figures: Codable {
  /// Nanoseconds per operation, alone.
  var alone: Double
  /// Nanoseconds per operation and core, with a task for each core at the same policy all the while.
  var contended: Double
  /// Blocks asked of the heap per thousand operations of a single task; contended ones are not counted.
  var allocationsPerThousand: Double
}

/// Times loops over an operation; the median of many samples counts.
///
/// A sample is a window of time that all its tasks have in common: each hammers from before the window until after it,
/// and only what is done within it counts. With a number of operations for each task, the slower one would end alone.
struct Stopwatch {
  /// Nanoseconds that a window lasts, and that the tasks hammer before and after it.
  var window: Int
  var margin: Int { self.window / 4 }
  var samples: Int

  /// Operations between two looks at the clock, which so adds a fraction of a nanosecond to each.
  static let batch = 100

  private final class Gate: Sendable {
    let waiting: Atomic<Int>
    let start = Atomic(0)

    init(tasks: Int) { self.waiting = Atomic(tasks) }

    /// Waits for all tasks, which have a thread each and so may spin, and says when their window begins.
    func windowStart(after margin: Int) -> Int {
      if self.waiting.subtract(1, ordering: .sequentiallyConsistent).newValue == 0 {
        self.start.store(Stopwatch.now() + margin, ordering: .sequentiallyConsistent)
      }
      while true {
        let start = self.start.load(ordering: .sequentiallyConsistent)
        if start > 0 { return start }
      }
    }
  }

  /// What one task did.
  private struct Count {
    /// Operations per nanosecond in the window.
    var rate = 0.0
    /// The share of the window in which it had a core, a batch too little at most.
    var share = 1.0
    var total = 0
  }

  static func now(_ clock: clockid_t = CLOCK_MONOTONIC) -> Int {
    var time = timespec()
    clock_gettime(clock, &time)
    return Int(time.tv_sec) * 1_000_000_000 + Int(time.tv_nsec)
  }

  /// Measures a workload, and fails if it did not do what it is measured for.
  func figures(_ workload: Workload) async throws -> Figures {
    let loop = workload.loop
    let allocations = try await Task {
      try await loop(Self.batch)
      let before = allocations_of_this_thread()
      try await loop(Self.batch)
      return Int64(bitPattern: allocations_of_this_thread() &- before)
    }.value
    var total = 2 * Self.batch
    var alone: [Double] = []
    var contended: [Double] = []
    // In turn, so that a machine that slows down slows both.
    for _ in 0..<self.samples {
      alone.append(try await self.sample(tasks: 1, loop, &total))
      contended.append(
        try await self.sample(tasks: ProcessInfo.processInfo.activeProcessorCount, loop, &total)
      )
    }
    try workload.verify(total)
    return Figures(
      alone: Self.median(alone),
      contended: Self.median(contended),
      allocationsPerThousand: Double(allocations) * 1000 / Double(Self.batch)
    )
  }

  /// Repeats a sample in which another program took a core away: the tasks then did not run side by side.
  private func sample(tasks: Int, _ loop: @escaping Workload.Loop, _ total: inout Int) async throws -> Double
  {
    for _ in 0..<10_000 {
      let gate = Gate(tasks: tasks)
      let count = try await withThrowingTaskGroup(of: Count.self) { group in
        for _ in 0..<tasks {
          group.addTask { try await self.hammer(from: gate.windowStart(after: self.margin), loop) }
        }
        return try await group.reduce(into: Count()) {
          $0.rate += $1.rate
          $0.share = min($0.share, $1.share)
          $0.total += $1.total
        }
      }
      total += count.total
      if count.share > 0.9 { return Double(tasks) / count.rate }
    }
    throw Workload.Unwanted(
      what: "the machine is too busy: no \(tasks) cores for \(self.window) ns at a time"
    )
  }

  private func hammer(from start: Int, _ loop: Workload.Loop) async throws -> Count {
    var count = Count()
    repeat {
      try await loop(Self.batch)
      count.total += Self.batch
    } while Self.now() < start
    let cpu = Self.now(CLOCK_THREAD_CPUTIME_ID)
    let begin = Self.now()
    var now = begin
    var operations = 0
    repeat {
      try await loop(Self.batch)
      operations += Self.batch
      now = Self.now()
    } while now < start + self.window
    count.rate = Double(operations) / Double(now - begin)
    count.share = Double(Self.now(CLOCK_THREAD_CPUTIME_ID) - cpu) / Double(now - start)
    repeat {
      try await loop(Self.batch)
      operations += Self.batch
    } while Self.now() < start + self.window + self.margin
    count.total += operations
    return count
  }

  /// The distribution of single operations, each timed on its own, the time that the timing itself takes included.
  static func percentiles(_ workload: Workload) async throws -> (median: Int, p99: Int) {
    let loop = workload.loop
    let times = try await Task {
      try await loop(Self.batch)
      var times: [Int] = []
      times.reserveCapacity(200_000)
      for _ in 0..<200_000 {
        let start = Self.now()
        try await loop(1)
        times.append(Self.now() - start)
      }
      return times.sorted()
    }.value
    try workload.verify(Self.batch + times.count)
    return (times[times.count / 2], times[times.count * 99 / 100])
  }

  /// How long something takes that is long enough to be timed by itself.
  func time<Result>(_ body: () throws -> Result, check: (Result) throws -> Void) rethrows -> Double {
    Self.median(
      try (0..<self.samples).map { _ in
        let start = Self.now()
        let result = try body()
        let time = Self.now() - start
        try check(result)
        return Double(time)
      }
    )
  }

  private static func median(_ values: [Double]) -> Double {
    values.sorted()[values.count / 2]
  }
}
