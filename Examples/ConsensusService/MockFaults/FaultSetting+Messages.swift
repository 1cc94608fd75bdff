import Bulwark
public import BulwarkResilience

// How faults travel: see Protos/consensus/v1/mock.proto.
extension FaultSetting {
  /// Reads a message.
  ///
  /// - Throws: ``InvalidOption`` that names the method and the field, its value and what is allowed.
  public init(_ message: MethodFaults) throws(InvalidOption) {
    try Self.requireKnown(message.method)
    let plan: FaultPlan
    do throws(InvalidOption) {
      plan = try FaultPlan(message)
    } catch {
      throw error.inside(message.method)
    }
    try self.init(message.method, plan)
  }

  /// The setting as a message.
  public var message: MethodFaults {
    MethodFaults.with {
      $0.method = self.method
      $0.failureRate = self.plan.failureRate
      $0.failureCode = UInt32(self.plan.failureCode.rawValue)
      $0.script = self.plan.script.map(MethodFaults.Script.init)
      $0.minLatencyUs = UInt32(clamping: self.plan.latency.lowerBound.wholeMicroseconds)
      $0.maxLatencyUs = UInt32(clamping: self.plan.latency.upperBound.wholeMicroseconds)
      $0.hashRounds = UInt32(clamping: self.plan.hashRounds)
      $0.hang = self.plan.hangs
    }
  }
}

extension FaultPlan {
  fileprivate init(_ message: MethodFaults) throws(InvalidOption) {
    guard message.failureCode <= 16 else {
      throw InvalidOption(field: "failure_code", value: "\(message.failureCode)", allowed: "0 to 16")
    }
    self.failureRate = message.failureRate
    if message.failureCode != 0 {
      self.failureCode = StatusCode(wireValue: Int(message.failureCode))
    }
    self.script = message.script.map(FailureScript.init)
    let longest = message.maxLatencyUs == 0 ? message.minLatencyUs : message.maxLatencyUs
    guard message.minLatencyUs <= longest else {
      throw InvalidOption(
        field: "min_latency_us",
        value: "\(message.minLatencyUs)",
        allowed: "0 to max_latency_us, which is \(longest)"
      )
    }
    self.latency = .microseconds(message.minLatencyUs) ... .microseconds(longest)
    self.hashRounds = Int(message.hashRounds)
    self.hangs = message.hang
  }
}

extension FailureScript {
  fileprivate init(_ script: MethodFaults.Script) {
    self =
      switch script {
      case .failNext(let calls): .next(Int(calls))
      case .failCycle(let cycle): .first(Int(cycle.failures), of: Int(cycle.calls))
      }
  }
}

extension MethodFaults.Script {
  fileprivate init(_ script: FailureScript) {
    self =
      switch script {
      case .next(let calls): .failNext(UInt32(clamping: calls))
      case .first(let failures, let calls):
        .failCycle(
          .with {
            $0.failures = UInt32(clamping: failures)
            $0.calls = UInt32(clamping: calls)
          }
        )
      }
  }
}
