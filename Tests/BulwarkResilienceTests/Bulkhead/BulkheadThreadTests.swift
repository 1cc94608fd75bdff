import BulwarkTestKit
import Synchronization
import Testing

@testable import BulwarkResilience

/// The promises under real parallelism: never too much in use, nobody forgotten, nothing lost.
@Suite struct BulkheadThreadTests {
  /// Counts what is under way, and the most that ever was.
  private final class Gauge: Sendable {
    private let current = Atomic(0)
    private let most = Atomic(0)
    private let rounds = Atomic(0)

    func enter(_ weight: Int) {
      let now = self.current.wrappingAdd(weight, ordering: .sequentiallyConsistent).newValue
      self.most.max(now, ordering: .sequentiallyConsistent)
    }

    func leave(_ weight: Int) {
      self.current.wrappingSubtract(weight, ordering: .sequentiallyConsistent)
    }

    func count() { self.rounds.wrappingAdd(1, ordering: .relaxed) }

    var counted: Int { self.rounds.load(ordering: .relaxed) }
    var peak: Int { self.most.load(ordering: .sequentiallyConsistent) }
    var left: Int { self.current.load(ordering: .sequentiallyConsistent) }
  }

  @Test(arguments: [(1, 1), (2, 1), (3, 3), (7, 2), (64, 5)])
  func `With waiters on all cores everyone is served, and never more than the limit at once`(
    maximum: Int,
    heaviest: Int
  ) async throws {
    let options = BulkheadOptions(maximumConcurrent: maximum, queueLimit: 1000)
    let bulkhead = try Bulkhead(name: "hammer", options: options)
    let gauge = Gauge()
    let (tasks, rounds) = (16, 300)
    await withTaskGroup { group in
      for task in 0..<tasks {
        group.addTask {
          var generator = SeededGenerator(seed: UInt64(task))
          for _ in 0..<rounds {
            let weight = Int.random(in: 1...heaviest, using: &generator)
            let priority = BulkheadPriority(rawValue: task % 3) ?? .normal
            let yields = generator.oneIn(4)
            do {
              try await bulkhead.run(weight: weight, priority: priority) {
                gauge.enter(weight)
                if yields { await Task.yield() }
                gauge.leave(weight)
              }
            } catch {
              Issue.record("\(error)")
            }
          }
        }
      }
    }
    #expect(gauge.peak <= maximum)
    #expect(gauge.left == 0)
    let stats = bulkhead.stats
    #expect(stats.admitted == tasks * rounds)
    #expect(stats.inUse == 0)
    #expect(stats.waiting == 0)
    #expect(stats.refused.total == 0)
  }

  @Test func `With refusals, cancellation, deadlines and resizing on top nothing is lost`() async throws {
    let options = BulkheadOptions(
      maximumConcurrent: 3,
      queueLimit: 6,
      maximumWait: .milliseconds(2),
      discipline: .adaptiveLIFO(codel: CoDel(target: .microseconds(50), interval: .microseconds(500)))
    )
    let bulkhead = try Bulkhead(name: "hammer", options: options)
    let gauge = Gauge()
    let (tasks, rounds) = (12, 200)
    await withTaskGroup { group in
      for task in 0..<tasks {
        group.addTask {
          var generator = SeededGenerator(seed: UInt64(task))
          for _ in 0..<rounds {
            let kind = Int.random(in: 0..<10, using: &generator)
            let weight = Int.random(in: 1...2, using: &generator)
            let operation = Task {
              let deadline = PolicyClock.system.now.advanced(by: .microseconds(300))
              try await bulkhead.run(
                weight: weight,
                priority: BulkheadPriority(rawValue: kind % 3) ?? .low,
                deadline: kind == 9 ? deadline : nil
              ) {
                gauge.enter(weight)
                await Task.yield()
                gauge.leave(weight)
              }
            }
            if kind == 8 { operation.cancel() }
            _ = await operation.result
            if let permit = bulkhead.tryAcquire() {
              gauge.enter(1)
              gauge.leave(1)
              permit.release()
            }
            gauge.count()
          }
        }
      }
      group.addTask {
        var generator = SeededGenerator(seed: 99)
        while gauge.counted < tasks * rounds {
          var changed = options
          changed.maximumConcurrent = .random(in: 2...3, using: &generator)
          do { try bulkhead.reconfigure(changed) } catch { Issue.record("\(error)") }
          await Task.yield()
        }
      }
    }
    #expect(gauge.peak <= 3)
    #expect(gauge.left == 0)
    let stats = bulkhead.stats
    #expect(stats.inUse == 0)
    #expect(stats.waiting == 0)
    #expect(bulkhead.gives(stats.maximum))
  }

  @Test func `Who tries on all cores is refused only when all permits are out`() async throws {
    let bulkhead = try Bulkhead(name: "hammer", options: BulkheadOptions(maximumConcurrent: 4, queueLimit: 0))
    // As many as there are permits, each with one at most: nobody may ever be refused.
    await withTaskGroup { group in
      for _ in 0..<4 {
        group.addTask {
          for round in 0..<5000 {
            guard bulkhead.take(weight: 1) == nil else {
              Issue.record("refused in round \(round)")
              return
            }
            // Now and then all four are out at once, and refusals are announced.
            if round % 7 == 0 { await Task.yield() }
            bulkhead.release(weight: 1)
          }
        }
      }
      group.addTask {
        for _ in 0..<500 {
          let stats = bulkhead.stats
          #expect(stats.inUse >= 0 && stats.inUse <= 4)
          await Task.yield()
        }
      }
    }
    #expect(bulkhead.stats.admitted == 20_000)
    #expect(bulkhead.stats.refused.total == 0)
  }
}
