import CAllocations
import Foundation
import Synchronization

/// What was measured of one operation.
struct Figures: Codable {
  /// Nanoseconds per operation, alone.
  var alone: Double
  /// Nanoseconds per operation and core, with a task for each core at the same policy.
  var contended: Double
  /// Blocks asked of the heap per thousand operations.
  var allocationsPerThousand: Double
}

/// Times loops over an operation; the median of many samples counts.
struct Stopwatch {
  /// As many operations as it is told.
  typealias Loop = @Sendable (Int) async -> Void

  var operations: Int
  var samples: Int

  private final class Gate: Sendable {
    let ready = Atomic(0)
  }

  static func now() -> Int {
    var time = timespec()
    clock_gettime(CLOCK_MONOTONIC, &time)
    return Int(time.tv_sec) * 1_000_000_000 + Int(time.tv_nsec)
  }

  func figures(_ loop: @escaping Loop) async -> Figures {
    let allocations = await Task {
      await loop(1000)
      let before = allocations_of_this_thread()
      await loop(1000)
      return allocations_of_this_thread() - before
    }.value
    return Figures(
      alone: await self.time(tasks: 1, loop),
      contended: await self.time(tasks: ProcessInfo.processInfo.activeProcessorCount, loop),
      allocationsPerThousand: Double(allocations)
    )
  }

  private func time(tasks: Int, _ loop: @escaping Loop) async -> Double {
    var results: [Double] = []
    for _ in 0..<self.samples {
      let gate = Gate()
      let operations = self.operations
      let nanoseconds = await withTaskGroup(of: Int.self) { group in
        for _ in 0..<tasks {
          group.addTask {
            // All begin together: each has a thread of its own, so that it may spin.
            gate.ready.add(1, ordering: .sequentiallyConsistent)
            while gate.ready.load(ordering: .sequentiallyConsistent) < tasks {}
            let start = Self.now()
            await loop(operations)
            return Self.now() - start
          }
        }
        return await group.reduce(0, +)
      }
      results.append(Double(nanoseconds) / Double(tasks * operations))
    }
    return results.sorted()[results.count / 2]
  }

  /// The distribution of single operations, each timed on its own, the time that the timing itself takes included.
  func percentiles(_ loop: @escaping Loop) async -> (median: Int, p99: Int) {
    await Task {
      await loop(1000)
      var times: [Int] = []
      times.reserveCapacity(self.operations)
      for _ in 0..<self.operations {
        let start = Self.now()
        await loop(1)
        times.append(Self.now() - start)
      }
      times.sort()
      return (times[times.count / 2], times[times.count * 99 / 100])
    }.value
  }
}
