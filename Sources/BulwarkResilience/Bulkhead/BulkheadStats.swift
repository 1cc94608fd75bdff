/// What a ``Bulkhead`` did and does, at one instant.
public struct BulkheadStats: Hashable, Sendable, Codable {
  /// The refusals since the start, by reason.
  public struct Refused: Hashable, Sendable, Codable {
    /// No permit free and no place in the queue, or none free within ``BulkheadOptions/maximumWait``.
    public var full = 0
    /// The queue was given up for the caller: it had waited too long in an overloaded queue, or a caller of higher
    /// priority took its place.
    public var shed = 0
    /// The caller's deadline had passed, or passed in the queue.
    public var deadline = 0
    /// The weight was more than the bulkhead has permits.
    public var exceedsCapacity = 0
    /// The bulkhead was closed.
    public var closed = 0

    /// Of every reason.
    public var total: Int {
      self.full &+ self.shed &+ self.deadline &+ self.exceedsCapacity &+ self.closed
    }

    init() {}

    mutating func count(_ reason: Rejection.Reason) {
      switch reason {
      case .shed: self.shed &+= 1
      case .deadline: self.deadline &+= 1
      case .exceedsCapacity: self.exceedsCapacity &+= 1
      case .closed: self.closed &+= 1
      case .bulkheadFull, .circuitOpen, .circuitForcedOpen, .probesExhausted, .recovering, .rateLimited,
        .budgetExhausted:
        self.full &+= 1
      }
    }
  }

  /// Permits in use, the weights added up. More than `maximum` only after a reconfiguration to fewer, until enough
  /// were released.
  public var inUse: Int
  /// The most permits that are in use at once.
  public var maximum: Int
  /// Callers that wait.
  public var waiting: Int
  /// The most callers that may wait.
  public var queueLimit: Int
  /// Operations that got their permits, since the start.
  public var admitted: Int
  /// Callers that were refused, since the start.
  public var refused: Refused
  /// Callers who left the queue before their turn, most of them because their task was cancelled, since the start.
  public var cancelled: Int
  /// Whether the queue is overloaded; always false under ``BulkheadDiscipline/fifo``.
  public var isOverloaded: Bool
}
