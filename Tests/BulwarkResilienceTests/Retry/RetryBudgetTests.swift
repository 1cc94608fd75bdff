import BulwarkTestKit
import Testing

@testable import BulwarkResilience

@Suite struct RetryBudgetTests {
  private let clock = SkippingClock()

  private func budget(_ options: RetryBudgetOptions) throws -> RetryBudget {
    try RetryBudget(options, clock: self.clock.policyClock)
  }

  private func withdrawals(_ budget: RetryBudget, of count: Int) -> Int {
    (0..<count).reduce(0) { sum, _ in budget.withdraw() ? sum + 1 : sum }
  }

  @Test func `A fifth of the requests may be retried, and ten a second beside`() throws {
    let budget = try self.budget(.ratio())
    for _ in 0..<1000 { budget.recordRequest() }
    #expect(budget.stats.available == 300)
    #expect(self.withdrawals(budget, of: 1000) == 300)
    #expect(budget.stats.withdrawn == 300 && budget.stats.refused == 700 && budget.stats.available == 0)
  }

  @Test func `Requests and retries count for the window, and no longer`() throws {
    let budget = try self.budget(.ratio(ofRequests: 0.5, minimumPerSecond: 0.1, window: .seconds(10)))
    for _ in 0..<10 { budget.recordRequest() }
    self.clock.advance(by: 5_000_000_000)
    #expect(self.withdrawals(budget, of: 10) == 6)
    self.clock.advance(by: 5_000_000_000)
    // The requests are forgotten, but not the retries that they paid for.
    #expect(self.withdrawals(budget, of: 10) == 0)
    self.clock.advance(by: 5_000_000_000)
    #expect(self.withdrawals(budget, of: 10) == 1)
  }

  /// failsafe-go #106, #139 and #141: a share of what is in flight refuses all retries when little is.
  @Test func `In low traffic there is a budget, too`() throws {
    let budget = try self.budget(.ratio())
    budget.recordRequest()
    #expect(budget.withdraw())
    let bare = try self.budget(.ratio(ofRequests: 0.2, minimumPerSecond: 0, window: .seconds(10)))
    for _ in 0..<5 {
      #expect(!bare.withdraw())
      bare.recordRequest()
    }
    #expect(bare.withdraw())
    #expect(!bare.withdraw())
  }

  /// tower-resilience #171: the floor per second was read from the options and never used.
  @Test func `The floor per second counts by itself`() throws {
    let budget = try self.budget(.ratio(ofRequests: 0, minimumPerSecond: 3, window: .seconds(10)))
    for _ in 0..<1000 { budget.recordRequest() }
    #expect(self.withdrawals(budget, of: 100) == 30)
    self.clock.advance(by: 20_000_000_000)
    #expect(self.withdrawals(budget, of: 100) == 30)
  }

  @Test func `Tokens, a failure costs one, a success gives a part back, and half of them must be there`()
    throws
  {
    let budget = try self.budget(.tokens(maximum: 10, ratio: 0.1))
    for _ in 0..<4 { budget.recordFailure() }
    #expect(budget.withdraw() && budget.stats.available == 1)
    budget.recordFailure()
    #expect(!budget.withdraw() && budget.stats.available == 0)
    budget.recordSuccess()
    #expect(budget.withdraw())
    for _ in 0..<1000 { budget.recordFailure() }
    for _ in 0..<50 { budget.recordSuccess() }
    #expect(!budget.withdraw())
    budget.recordSuccess()
    #expect(budget.withdraw())
    for _ in 0..<1000 { budget.recordSuccess() }
    #expect(budget.stats.available == 5)
  }

  @Test func `A clock that goes back gives nothing back, and traps nowhere`() throws {
    let budget = try self.budget(.ratio(ofRequests: 1, minimumPerSecond: 1, window: .seconds(10)))
    for _ in 0..<5 { budget.recordRequest() }
    #expect(self.withdrawals(budget, of: 100) == 15)
    for step in [-3600, -1_000_000_000, 3600] as [Int64] {
      self.clock.advance(by: step * 1_000_000_000)
      // In each part of the window to which the clock went back there are requests that would pay for retries.
      for _ in 0..<8 {
        for _ in 0..<20 { budget.recordRequest() }
        #expect(self.withdrawals(budget, of: 100) == 0)
        self.clock.advance(by: -1_250_000_000)
      }
    }
  }

  /// A part far ahead, counted before the clock or the width changed, once refused all requests until then.
  @Test func `A part of the window that lies far ahead gives way, and one that is just later does not`() {
    let window = RequestWindow()
    window.add(in: 8_000_000)
    for _ in 0..<3 { window.add(in: 800) }
    #expect(window.count(endingIn: 800) == 3)
    window.add(in: 792)
    #expect(window.count(endingIn: 800) == 3 && window.count(endingIn: 792) == 0)
  }

  @Test(arguments: [Int64.min, .min + 1, -1, 0, .max])
  func `No time is too early or too late`(start: Int64) throws {
    let clock = SkippingClock(start: start)
    let budget = try RetryBudget(.ratio(), clock: clock.policyClock)
    for _ in 0..<10 { budget.recordRequest() }
    #expect(budget.stats.available == 102)
    #expect(budget.withdraw())
  }

  @Test func `New options begin a new account, the same ones do not`() throws {
    let budget = try self.budget(.ratio(ofRequests: 1, minimumPerSecond: 0, window: .seconds(10)))
    budget.recordRequest()
    try budget.reconfigure(.ratio(ofRequests: 1, minimumPerSecond: 0, window: .seconds(10)))
    #expect(budget.withdraw())
    budget.recordRequest()
    try budget.reconfigure(.ratio(ofRequests: 1, minimumPerSecond: 0, window: .seconds(20)))
    #expect(!budget.withdraw())
    try budget.reconfigure(.tokens())
    #expect(budget.options == .tokens())
    budget.recordRequest()
    budget.recordFailure()
    #expect(budget.stats.available == 4)
  }

  @Test(arguments: [
    (RetryBudgetOptions.ratio(ofRequests: -0.1), "budget.ofRequests"),
    (.ratio(ofRequests: .nan), "budget.ofRequests"),
    (.ratio(minimumPerSecond: .infinity), "budget.minimumPerSecond"),
    (.ratio(minimumPerSecond: -1), "budget.minimumPerSecond"),
    (.ratio(window: .zero), "budget.window"),
    (.ratio(window: .seconds(3601)), "budget.window"),
    (.tokens(maximum: 0), "budget.maximum"),
    (.tokens(maximum: .max), "budget.maximum"),
    (.tokens(ratio: 0), "budget.ratio"),
    (.tokens(ratio: .nan), "budget.ratio"),
  ])
  func `Each bad value is refused by its name`(options: RetryBudgetOptions, field: String) throws {
    let error = #expect(throws: InvalidOption.self) { try RetryBudget(options) }
    #expect(error?.field == field)
    let budget = try self.budget(.tokens())
    #expect(throws: InvalidOption.self) { try budget.reconfigure(options) }
    #expect(budget.options == .tokens())
  }

  /// tower-resilience #370: reading the balance and taking from it were two steps.
  @Test func `Under threads no more is withdrawn than there is, and no request is lost`() async throws {
    let budget = try self.budget(.ratio(ofRequests: 0.2, minimumPerSecond: 10, window: .seconds(10)))
    let withdrawn = await withTaskGroup { group in
      for _ in 0..<8 {
        group.addTask {
          var withdrawn = 0
          for _ in 0..<5000 {
            budget.recordRequest()
            if budget.withdraw() { withdrawn += 1 }
          }
          return withdrawn
        }
      }
      return await group.reduce(0, +)
    }
    #expect(withdrawn == 8100)
    #expect(budget.stats.withdrawn == 8100 && budget.stats.available == 0)
  }

  @Test func `Under threads tokens are neither lost nor made`() async throws {
    let budget = try self.budget(.tokens(maximum: 1_000_000, ratio: 0.5))
    for _ in 0..<500_000 { budget.recordFailure() }
    await withTaskGroup { group in
      for _ in 0..<8 {
        group.addTask {
          for _ in 0..<2500 {
            budget.recordSuccess()
            budget.recordFailure()
            budget.recordSuccess()
            budget.recordSuccess()
          }
        }
      }
    }
    #expect(budget.stats.available == 10_000)
  }
}
