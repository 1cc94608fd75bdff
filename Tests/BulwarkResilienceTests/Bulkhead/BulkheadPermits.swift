@testable import BulwarkResilience

/// What a test expects of a bulkhead, in forms that the testing macros take: a permit cannot be copied into them.
extension Bulkhead {
  struct NoPermit: Error {}

  /// A permit that must be there.
  func permit(_ weight: Int = 1) throws -> BulkheadPermit {
    guard let permit = self.tryAcquire(weight: weight) else { throw NoPermit() }
    return permit
  }

  /// Whether a permit can be had at this moment; it is given back.
  func gives(_ weight: Int = 1) -> Bool {
    self.tryAcquire(weight: weight) != nil
  }
}
