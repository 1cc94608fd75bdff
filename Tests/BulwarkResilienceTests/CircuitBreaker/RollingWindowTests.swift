import BulwarkTestKit
import Testing

@testable import BulwarkResilience

@Suite struct RollingWindowTests {
  private func window(count: Int = 3, width: Int64 = 10, now: Int64 = 100) -> RollingWindow {
    RollingWindow(bucketNanoseconds: width, count: count, now: now)
  }

  @Test func `A count leaves with its bucket, not before`() {
    var window = self.window()
    window.add(.init(calls: 1))
    window.advance(to: 129)
    #expect(window.sum.calls == 1)
    window.advance(to: 130)
    #expect(window.sum.calls == 0)
  }

  @Test func `Skipping several buckets clears each of them`() {
    var window = self.window()
    for now in [100, 110, 120] as [Int64] {
      window.advance(to: now)
      window.add(.init(calls: 1, failures: 1))
    }
    window.advance(to: 145)
    #expect(window.sum == .init(calls: 1, failures: 1), "of 100, 110 and 120 the last alone is young enough")
    window.advance(to: 150)
    #expect(window.sum == .init())
    window.add(.init(calls: 1))
    window.advance(to: 1_000_000)
    #expect(window.sum == .init())
    #expect(window.newestStart == 1_000_000)
  }

  @Test func `A late or backward instant counts in the newest bucket, and in none that was used again`() {
    var window = self.window()
    window.advance(to: 155)
    for late in [149, 100, 0, -1_000_000_000, .min] as [Int64] {
      window.advance(to: late)
      window.add(.init(calls: 1))
    }
    #expect(window.newestStart == 150)
    #expect(window.sum.calls == 5)
    window.advance(to: 179)
    #expect(window.sum.calls == 5)
    window.advance(to: 180)
    #expect(window.sum.calls == 0)
  }

  @Test func `No instant and no count is too large`() {
    var window = self.window(now: .min)
    window.add(.init(calls: .max, failures: .max, slowCalls: .max, rejections: .max))
    window.add(.init(calls: 1, failures: 1, slowCalls: 1, rejections: 1))
    let most = UInt64(UInt32.max)
    #expect(window.sum == .init(calls: most, failures: most, slowCalls: most, rejections: most))
    window.advance(to: .max)
    window.advance(to: .max)
    #expect(window.sum == .init())
    var narrow = self.window(count: 0, width: 0, now: .max)
    narrow.advance(to: .max)
    narrow.add(.init(calls: 1))
    #expect(narrow.sum.calls == 1)
  }

  @Test func `Outcomes can be forgotten without the rejections`() {
    var window = self.window()
    window.add(.init(calls: 3, failures: 2, slowCalls: 1, rejections: 4))
    window.clearOutcomes()
    #expect(window.sum == .init(rejections: 4))
    window.advance(to: 130)
    #expect(window.sum == .init())
  }

  @Test func `A window of another shape keeps what is young enough for it`() {
    var window = self.window(count: 4)
    for (index, now) in ([100, 110, 120, 130] as [Int64]).enumerated() {
      window.advance(to: now)
      window.add(.init(calls: 1 << UInt32(index)))
    }
    #expect(window.resized(bucketNanoseconds: 10, count: 2).sum.calls == 8 + 4)
    #expect(window.resized(bucketNanoseconds: 20, count: 2).sum.calls == 15)
    #expect(window.resized(bucketNanoseconds: 5, count: 4).sum.calls == 8 + 4)
    var wider = window.resized(bucketNanoseconds: 10, count: 8)
    #expect(wider.sum.calls == 15)
    wider.advance(to: 180)
    #expect(wider.sum.calls == 14, "the bucket of 100 has just left")
    wider.advance(to: 210)
    #expect(wider.sum.calls == 0)
  }

  @Test func `It counts what a list of samples counts, whatever the seed`() {
    for seed in 0..<300 as Range<UInt64> {
      var generator = SeededGenerator(seed: seed)
      let count = Int.random(in: 1...6, using: &generator)
      let width = Int64.random(in: 1...20, using: &generator)
      var now = Int64.random(in: -500...500, using: &generator)
      let start = now
      var window = self.window(count: count, width: width, now: now)
      var samples: [Int64] = []
      var newest: Int64 = 0
      for _ in 0..<200 {
        now +=
          generator.oneIn(10)
          ? .random(in: -100...200, using: &generator) : .random(in: 0...5, using: &generator)
        if now >= start { newest = max(newest, (now - start) / width) }
        window.advance(to: now)
        window.add(.init(calls: 1))
        samples.append(newest)
        let expected = samples.count { $0 > newest - Int64(count) }
        if window.sum.calls != expected {
          Issue.record("seed \(seed): \(window.sum.calls) instead of \(expected)")
        }
      }
    }
  }
}
