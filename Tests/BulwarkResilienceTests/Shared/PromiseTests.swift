import BulwarkTestKit
import Testing

@testable import BulwarkResilience

@Suite struct PromiseTests {
  @Test func `The first answer counts, and the second giver learns that it came late`() async {
    let promise = Promise<Int>()
    #expect(promise.answer(1))
    #expect(!promise.answer(2))
    let answer = await promise.wait(until: nil, on: .system) { _ in }
    #expect(answer == 1)
    #expect(!promise.answer(3))
  }

  @Test func `The deadline withdraws the waiter`() async {
    let clock = VirtualClock()
    let policyClock = clock.policyClock
    let promise = Promise<String>()
    let deadline = policyClock.nanoseconds + 5
    let waiter = Task {
      await promise.wait(until: deadline, on: policyClock) { promise.answer("\($0)") }
    }
    await clock.waitForSleepers()
    clock.advance(by: .nanoseconds(5))
    #expect(await waiter.value == "deadline")
  }

  @Test func `Cancellation withdraws the waiter, and its timer goes with it`() async {
    let clock = VirtualClock()
    let policyClock = clock.policyClock
    let promise = Promise<String>()
    let waiter = Task {
      await promise.wait(until: .max, on: policyClock) { promise.answer("\($0)") }
    }
    await clock.waitForSleepers()
    waiter.cancel()
    #expect(await waiter.value == "cancellation")
  }

  @Test func `Refusals and errors say who, why and when`() {
    let rejection = Refusal(.rateLimited, retryAfter: 5_000_000_000).rejection(
      by: "votes",
      kind: .rateLimiter
    )
    #expect(rejection.description == "rateLimiter \"votes\" refused: rateLimited, retry after 5.0 seconds")
    #expect(Refusal(.closed).rejection(by: "votes", kind: .rateLimiter).retryAfter == nil)
    #expect("\(PolicyError<CancellationError>.rejected(rejection))" == rejection.description)
    #expect("\(PolicyError<CancellationError>.cancelled)" == "cancelled while waiting")
    let timedOut = TimedOut(policy: "total", limit: .seconds(1))
    #expect(
      "\(PolicyError<CancellationError>.timedOut(timedOut))"
        == "timeout \"total\": not done within 1.0 seconds"
    )
    #expect(
      "\(PolicyError<InvalidOption>.operation(InvalidOption(field: "a", value: "1", allowed: "2")))"
        == "a is 1; allowed: 2"
    )
  }
}
