/// Counts over the last stretch of time, in buckets of equal width: the oldest leaves as a new one begins.
///
/// Only the newest bucket is ever written, and it is known by the instant that it began at. So a late or backward
/// `now` cannot land in a bucket that has been used again for another time: it counts as the newest.
struct RollingWindow: Hashable, Sendable {
  /// What happened in one bucket. Each number stays at its maximum once it is there.
  struct Bucket: Hashable, Sendable {
    var calls: UInt32 = 0
    var failures: UInt32 = 0
    var slowCalls: UInt32 = 0
    var rejections: UInt32 = 0
  }

  /// What happened in all buckets together.
  struct Sum: Hashable, Sendable {
    var calls: UInt64 = 0
    var failures: UInt64 = 0
    var slowCalls: UInt64 = 0
    var rejections: UInt64 = 0

    fileprivate mutating func add(_ bucket: Bucket) {
      self.calls += UInt64(bucket.calls)
      self.failures += UInt64(bucket.failures)
      self.slowCalls += UInt64(bucket.slowCalls)
      self.rejections += UInt64(bucket.rejections)
    }

    fileprivate mutating func subtract(_ bucket: Bucket) {
      self.calls -= UInt64(bucket.calls)
      self.failures -= UInt64(bucket.failures)
      self.slowCalls -= UInt64(bucket.slowCalls)
      self.rejections -= UInt64(bucket.rejections)
    }
  }

  /// What counts at the moment.
  private(set) var sum = Sum()
  /// When the newest bucket began.
  private(set) var newestStart: Int64
  let bucketNanoseconds: Int64
  private var buckets: [Bucket]
  private var newest = 0

  /// An empty window whose first bucket begins now.
  init(bucketNanoseconds: Int64, count: Int, now: Int64) {
    self.newestStart = now
    self.bucketNanoseconds = max(bucketNanoseconds, 1)
    self.buckets = Array(repeating: Bucket(), count: max(count, 1))
  }

  var count: Int { self.buckets.count }

  /// When the newest bucket is over.
  var newestEnd: Int64 { self.newestStart.saturatingAdding(self.bucketNanoseconds) }

  /// Begins a new bucket if the newest one is over, and forgets those that are too old.
  mutating func advance(to now: Int64) {
    guard now >= self.newestEnd else { return }
    let passed = now.saturatingSubtracting(self.newestStart) / self.bucketNanoseconds
    for _ in 0..<min(passed, Int64(self.buckets.count)) {
      self.newest += 1
      if self.newest == self.buckets.count { self.newest = 0 }
      self.sum.subtract(self.buckets[self.newest])
      self.buckets[self.newest] = Bucket()
    }
    self.newestStart = self.newestStart.saturatingAdding(
      passed.saturatingMultiplied(by: self.bucketNanoseconds)
    )
  }

  /// Adds to the newest bucket.
  mutating func add(_ more: Bucket) {
    self.sum.subtract(self.buckets[self.newest])
    self.buckets[self.newest].add(more)
    self.sum.add(self.buckets[self.newest])
  }

  /// Forgets the outcomes; what was refused still counts as refused.
  mutating func clearOutcomes() {
    for index in self.buckets.indices {
      self.buckets[index] = Bucket(rejections: self.buckets[index].rejections)
    }
    self.sum = Sum(rejections: self.sum.rejections)
  }

  /// The same counts in buckets of another width or number, as far as they are not too old for them.
  func resized(bucketNanoseconds: Int64, count: Int) -> RollingWindow {
    var resized = RollingWindow(bucketNanoseconds: bucketNanoseconds, count: count, now: self.newestStart)
    for age in 0..<self.buckets.count {
      let nanoseconds = Int64(age).saturatingMultiplied(by: self.bucketNanoseconds)
      let newAge = nanoseconds / resized.bucketNanoseconds
      guard newAge < Int64(resized.buckets.count) else { break }
      let old = self.buckets[(self.newest - age + self.buckets.count) % self.buckets.count]
      // The newest stands at 0, so the one before it at the end, and so on.
      let index = (resized.buckets.count - Int(newAge)) % resized.buckets.count
      resized.sum.subtract(resized.buckets[index])
      resized.buckets[index].add(old)
      resized.sum.add(resized.buckets[index])
    }
    return resized
  }
}

extension RollingWindow.Bucket {
  mutating func add(_ more: Self) {
    self.calls.addSaturating(more.calls)
    self.failures.addSaturating(more.failures)
    self.slowCalls.addSaturating(more.slowCalls)
    self.rejections.addSaturating(more.rejections)
  }
}

extension UInt32 {
  fileprivate mutating func addSaturating(_ more: UInt32) {
    let (sum, overflow) = self.addingReportingOverflow(more)
    self = overflow ? .max : sum
  }
}
