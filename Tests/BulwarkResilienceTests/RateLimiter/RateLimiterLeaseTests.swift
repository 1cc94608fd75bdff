import BulwarkTestKit
import Testing

@testable import BulwarkResilience

/// Leases as the limiter gives and takes them, on a clock that stands still unless it is moved.
@Suite(.timeLimit(.minutes(1))) struct RateLimiterLeaseTests {
  private let clock = VirtualClock()

  /// Makes every stripe want a lease with its next call, as one does that used up the last one before its time.
  private func contend(_ limiter: RateLimiter, untilSinceEpoch expiry: Int64) {
    for index in limiter.stripes.indices {
      limiter.stripes[index].noteContention()
      limiter.stripes[index].put(0, untilSinceEpoch: expiry)
    }
  }

  @Test func `A thread that wants a lease does not spin while somebody waits`() async throws {
    let options = RateLimiterOptions(rate: 100_000, burst: 160, queueLimit: 1)
    let limiter = try RateLimiter(name: "votes", options: options, clock: self.clock.policyClock)
    #expect(limiter.tryAcquire(30))
    let waiter = Task { await limiter.turn(150) }
    while limiter.stats.waiting < 1 { await Task.yield() }
    self.contend(limiter, untilSinceEpoch: 20_000)
    #expect(!limiter.tryAcquire())
    waiter.cancel()
    #expect(await waiter.value == .cancelled)
  }

  @Test func `A slow limiter loses nothing to contention`() throws {
    let limiter = try RateLimiter(
      name: "votes",
      capacity: 160,
      refillPerSecond: 0.01,
      clock: self.clock.policyClock
    )
    for taken in 0..<160 {
      self.contend(limiter, untilSinceEpoch: 1_000_000_000)
      #expect(limiter.tryAcquire(), "after \(taken)")
      self.clock.advance(by: .microseconds(30))
    }
    #expect(!limiter.tryAcquire())
  }

  @Test func `What a lease leaves of a large burst comes back, however slowly it refills`() throws {
    let limiter = try RateLimiter(
      name: "votes",
      capacity: 100_000,
      refillPerSecond: 0.01,
      clock: self.clock.policyClock
    )
    for _ in 0..<500 {
      self.contend(limiter, untilSinceEpoch: self.clock.policyClock.nanoseconds - limiter.epoch)
      #expect(limiter.tryAcquire())
      self.clock.advance(by: .microseconds(30))
      #expect(limiter.tryAcquire())
    }
    // A batch or two may be out in a stripe that this thread has left.
    #expect(limiter.remaining >= 100_000 - 1000 - 20 * 15)
    #expect(limiter.stats.admitted == 1000)
  }

  @Test func `No cache line holds the words of two stripes, wherever the first one starts`() {
    let words = 4 * MemoryLayout<Int>.stride
    #expect(MemoryLayout<RateLimiterStripe>.stride - words >= 64)
  }

  @Test(arguments: [.min, -1, 0, 1] as [Int64])
  func `A lease that was revoked asks for no other`(sinceEpoch: Int64) {
    let stripe = RateLimiterStripe()
    stripe.put(1, untilSinceEpoch: 20_000)
    stripe.revoke()
    stripe.noteContention()
    let wantsLease = stripe.wantsLease(sinceEpoch: sinceEpoch)
    #expect(!wantsLease)
  }
}
