/// How much a caller of a bulkhead matters while there is a queue: who is served first, and who is shed first.
public enum BulkheadPriority: Int, Hashable, Sendable, Codable, CaseIterable, Comparable {
  /// What can be done later or not at all: catching up, statistics.
  case low = 0
  /// The ordinary.
  case normal = 1
  /// What others wait for: a vote, a proposal, a health check.
  case high = 2

  public static func < (lhs: BulkheadPriority, rhs: BulkheadPriority) -> Bool {
    lhs.rawValue < rhs.rawValue
  }
}
