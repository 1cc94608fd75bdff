import Synchronization

/// The plan that holds for one method on one side, replaced in one step when the configuration changes.
///
/// A call reads it once, as it starts, and keeps what it has read until its end.
final class PlanSlot<Plan: AnyObject & Sendable>: Sendable {
  private let plan: Mutex<Plan?>

  init(_ plan: Plan?) {
    self.plan = Mutex(plan)
  }

  var current: Plan? { self.plan.withLock { $0 } }

  func replace(by plan: Plan?) {
    let old = self.plan.withLock { current in
      defer { current = plan }
      return current
    }
    // Let go of outside the lock: the last reference may be this one.
    _ = old
  }
}
