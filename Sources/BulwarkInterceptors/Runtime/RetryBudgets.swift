import BulwarkCore
import BulwarkResilience

/// The retry budgets of a client's calls to one target: one for all methods, unless some are given settings of their own.
struct RetryBudgets {
  private var budgets: [RetryBudgetOptions: RetryBudget] = [:]

  /// The budget that the method's calls feed.
  mutating func budget(_ effective: EffectivePolicy, clock: PolicyClock) throws(PolicyProblem) -> RetryBudget
  {
    let options = effective.policy.retryBudget?.options ?? RetryBudgetPolicy().options
    if let known = self.budgets[options] { return known }
    do throws(InvalidOption) {
      let made = try RetryBudget(options, clock: clock)
      self.budgets[options] = made
      return made
    } catch {
      throw PolicyProblem(error, origin: "\(effective.method)")
    }
  }
}
