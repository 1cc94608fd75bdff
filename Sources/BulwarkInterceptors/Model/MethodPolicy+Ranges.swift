package import BulwarkResilience

extension MethodPolicy {
  /// Everything that is out of range, what is left open having its default. The errors name the fields by their keys.
  ///
  /// The one place where the values of a policy are checked, whichever source they come from. At most one error for each
  /// section: the policies' own checks stop at the first.
  package var outOfRange: [InvalidOption] {
    [
      self.range("timeout") { () throws(InvalidOption) in try self.timeout.validateTimeout() },
      self.range("attempt_timeout") { () throws(InvalidOption) in try self.attemptTimeout.validateTimeout() },
      self.range("idle_timeout") { () throws(InvalidOption) in try self.idleTimeout.validateTimeout() },
      self.range("retry") { () throws(InvalidOption) in
        try checkAttempts(self.retry?.maximumAttempts)
        try self.retry?.options.validate()
      },
      self.range("hedging") { () throws(InvalidOption) in
        try checkAttempts(self.hedging?.maximumAttempts)
        try self.hedging?.options.validate()
      },
      self.range("retry_budget") { () throws(InvalidOption) in
        if let tokens = self.retryBudget?.maximumTokens {
          try check("budget.maximum", tokens, in: 1...1_000)
        }
        try self.retryBudget?.options.validate()
      },
      self.range("circuit_breaker") { () throws(InvalidOption) in
        try checkPeers(self.circuitBreaker?.maximumPeers)
        try self.circuitBreaker?.options.validate()
      },
      self.range("rate_limit") { () throws(InvalidOption) in
        try checkPeers(self.rateLimit?.maximumPeers)
        try self.rateLimit?.options.validate()
      },
      self.range("bulkhead") { () throws(InvalidOption) in
        try checkPeers(self.bulkhead?.maximumPeers)
        guard let options = self.bulkhead?.options else { return }
        try options.validate()
        // A call that takes more places than there are would never get in.
        if let weight = self.bulkhead?.weight {
          try check("weight", weight, in: 1...options.maximumConcurrent)
        }
      },
    ].compactMap(\.self)
  }

  /// The error of a section's check, with the key of its field.
  private func range(_ section: String, _ check: () throws(InvalidOption) -> Void) -> InvalidOption? {
    do throws(InvalidOption) {
      try check()
      return nil
    } catch {
      var named = error
      named.field =
        MethodPolicy.fields.contains { $0.key.hasPrefix(section + ".") }
        ? "\(section).\(key(ofOption: error.field, in: section))" : section
      return named
    }
  }
}

extension Duration? {
  fileprivate func validateTimeout() throws(InvalidOption) {
    guard let self else { return }
    do throws(InvalidOption) {
      try TimeoutOptions(limit: self).validate()
    } catch {
      // A limit in words: as nanoseconds and seconds it is hard to read.
      throw InvalidOption(
        field: error.field,
        value: self.policyText,
        allowed: "more than 0, at most ten years"
      )
    }
  }
}

private func checkAttempts(_ attempts: Int?) throws(InvalidOption) {
  guard let attempts else { return }
  try check("maximumAttempts", attempts, in: 1...16)
}

private func checkPeers(_ peers: Int?) throws(InvalidOption) {
  guard let peers else { return }
  try check("maximumPeers", peers, in: 1...1_000_000)
}

private func check(_ option: String, _ value: Int, in range: ClosedRange<Int>) throws(InvalidOption) {
  guard !range.contains(value) else { return }
  let allowed = "\(range.lowerBound) to \(range.upperBound)"
  throw InvalidOption(field: option, value: "\(value)", allowed: allowed)
}

/// The key of a section that sets an option: `failure_threshold` for `failureThreshold`.
private func key(ofOption option: String, in section: String) -> String {
  switch (section, option) {
  case ("retry", "backoff.base"): return "initial_backoff"
  case ("retry", "backoff.maximum"): return "maximum_backoff"
  case ("retry", "backoff.multiplier"): return "backoff_multiplier"
  case ("circuit_breaker", "breakDuration.base"): return "break_duration"
  case ("circuit_breaker", "breakDuration.maximum"): return "maximum_break_duration"
  case ("circuit_breaker", "recovery.duration"): return "recovery"
  case ("retry_budget", "budget.ofRequests"): return "ratio"
  case ("retry_budget", "budget.maximum"): return "maximum_tokens"
  case ("retry_budget", "budget.ratio"): return "token_ratio"
  default: break
  }
  let name = option.split(separator: ".").last ?? ""
  return name.reduce(into: "") { key, character in
    key += character.isUppercase ? "_\(character.lowercased())" : "\(character)"
  }
}
