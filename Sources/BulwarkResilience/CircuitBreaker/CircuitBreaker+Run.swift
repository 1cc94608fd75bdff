extension CircuitBreaker {
  /// Runs the operation if the circuit lets it pass, and counts how it ended. Runs it where the caller runs.
  ///
  /// - Parameters:
  ///   - classify: What an outcome says about the callee; ``Verdict/standard(_:)`` by default. It runs under no lock.
  ///   - operation: The call.
  /// - Throws: ``PolicyError/rejected(_:)`` without running the operation, or ``PolicyError/operation(_:)`` with what it
  ///   threw.
  // Inlinable, since generic code that is not specialised costs four times what the rest does.
  @inlinable
  public func run<Value, Failure: Error>(
    classifying classify: (Result<Value, Failure>) -> Verdict = Verdict.standard,
    _ operation: () async throws(Failure) -> Value
  ) async throws(PolicyError<Failure>) -> Value {
    let ticket: CircuitTicket
    do throws(Rejection) {
      ticket = try self.begin()
    } catch {
      throw .rejected(error)
    }
    let result: Result<Value, Failure>
    do throws(Failure) {
      result = .success(try await operation())
    } catch {
      result = .failure(error)
    }
    self.end(ticket, as: classify(result))
    switch result {
    case .success(let value): return value
    case .failure(let failure): throw .operation(failure)
    }
  }
}

extension Verdict {
  /// The verdict on an outcome of which no more is known: a value is a success and an error a failure, except that
  /// nothing is learned from a caller who went away (the task is cancelled, or the error is a `CancellationError`) and
  /// from the refusal of a policy of ours on the way to the callee.
  @inlinable
  public static func standard<Value, Failure: Error>(_ result: Result<Value, Failure>) -> Verdict {
    switch result {
    case .success: .success
    case .failure(let error): Task.isCancelled || Self.isOfOurMaking(error) ? .neutral : .failure
    }
  }

  @usableFromInline
  static func isOfOurMaking(_ error: any Error) -> Bool {
    switch error {
    case is CancellationError, is Rejection: true
    case let error as any PolicyFailure: error.inner.map(Self.isOfOurMaking) ?? error.isOfOurMaking
    default: false
    }
  }
}

/// A ``PolicyError`` of any operation.
private protocol PolicyFailure {
  /// What the operation threw, if it ran to its end.
  var inner: (any Error)? { get }
  /// Whether the error says nothing about the callee.
  var isOfOurMaking: Bool { get }
}

extension PolicyError: PolicyFailure {
  fileprivate var inner: (any Error)? {
    guard case .operation(let failure) = self else { return nil }
    return failure
  }

  fileprivate var isOfOurMaking: Bool {
    switch self {
    case .rejected, .cancelled: true
    case .operation, .timedOut: false
    }
  }
}
