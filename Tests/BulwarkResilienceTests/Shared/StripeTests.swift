import BulwarkTestKit
import Testing

@testable import BulwarkResilience

@Suite struct StripeTests {
  @Test func `Every thread has a stripe, also while the hash changes`() {
    for _ in 0..<1000 {
      #expect(0..<Stripe.count ~= Stripe.current)
      Stripe.collided()
    }
  }

  @Test func `Three threads that were started one after the other get different stripes`() {
    // Stacks of 8 MiB with and without a guard page on top, and of 512 KiB and a little.
    for spacing in [0x80_1000, 0x80_0000, 0x8_3000] as [UInt] {
      for first in 0..<100 as Range<UInt> {
        let stripes = (first..<first + 3).map {
          Stripe.index(of: 0x7F00_0000_0000 &+ $0 &* spacing, multiplier: Stripe.firstMultiplier)
        }
        #expect(Set(stripes).count == 3, "\(spacing) from \(first)")
      }
    }
  }

  @Test func `Any two or three threads come apart within a few collisions`() {
    for seed in 0..<500 as Range<UInt64> {
      var generator = SeededGenerator(seed: seed)
      let threads = (0..<Int.random(in: 2...3, using: &generator)).map { _ in
        UInt.random(in: 0..<1 << 47, using: &generator) & ~0x3F
      }
      var multiplier = Stripe.firstMultiplier
      var tries = 0
      while Set(threads.map { Stripe.index(of: $0, multiplier: multiplier) }).count < threads.count {
        multiplier = Stripe.next(after: multiplier)
        tries += 1
        if tries > 64 { break }
      }
      #expect(tries <= 64, "seed \(seed)")
    }
  }
}
