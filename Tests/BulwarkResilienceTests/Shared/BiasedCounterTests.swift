import Testing

@testable import BulwarkResilience

@Suite struct BiasedCounterTests {
  @Test func `The first thread and every other one count into one value`() {
    let counter = BiasedCounter()
    for thread in [7, 7, 9, 7, 11, 9] as [UInt] { counter.increment(by: thread) }
    #expect(counter.value == 6)
    counter.decrement()
    #expect(counter.value == 5)
  }

  @Test func `Threads that count at the same time lose nothing`() async {
    final class Shared: Sendable {
      let counter = BiasedCounter()
    }
    let shared = Shared()
    await withTaskGroup { group in
      for _ in 0..<8 {
        group.addTask {
          for _ in 0..<20 {
            for _ in 0..<1_000 { shared.counter.increment(by: Stripe.thread) }
            // The rest may go on on another thread.
            await Task.yield()
          }
        }
      }
    }
    #expect(shared.counter.value == 160_000)
  }
}
