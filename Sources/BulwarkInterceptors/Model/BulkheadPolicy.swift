public import BulwarkResilience

/// `bulkhead`: bounds how many calls run at once, and how many wait.
///
/// What is left open has the default of `BulkheadOptions`. A call holds its place until the last byte of its response is
/// out; a stream for as long as it lasts.
public struct BulkheadPolicy: CountingPolicy {
  /// How many calls run at once, their weights added up.
  public var maximumConcurrent: Int?
  /// How many calls may wait.
  public var queueLimit: Int?
  /// The longest that a call waits.
  public var maximumWait: Duration?
  /// Which of the waiting calls is next.
  public var discipline: QueueDiscipline?
  /// How many places a call of this method takes: at least 1; 1 by default.
  public var weight: Int?
  /// Who is served first and shed last among those who share a bulkhead; `normal` by default.
  public var priority: CallPriority?
  public var name: String?
  public var mode: PolicyMode?
  public var scope: PolicyScope?
  public var sides: PolicySides?
  public var maximumPeers: Int?

  public init() {}

  public static let fields: [PolicyField<Self>] =
    [
      PolicyField("maximum_concurrent", \.maximumConcurrent), PolicyField("queue_limit", \.queueLimit),
      PolicyField("maximum_wait", \.maximumWait), PolicyField("discipline", \.discipline),
      PolicyField("weight", \.weight), PolicyField("priority", \.priority),
    ] + Self.commonFields

  /// The settings with defaults where something was left open.
  public var options: BulkheadOptions {
    var options = BulkheadOptions()
    if let maximumConcurrent { options.maximumConcurrent = maximumConcurrent }
    if let queueLimit { options.queueLimit = queueLimit }
    options.maximumWait = self.maximumWait
    if self.discipline == .adaptiveLIFO { options.discipline = .adaptiveLIFO() }
    return options
  }
}

/// The order in which waiting calls of one priority get their turn.
public enum QueueDiscipline: String, PolicyChoice {
  /// The one that has waited longest.
  case fifo
  /// The newest while the queue is overloaded (CoDel, target 5 ms, interval 100 ms).
  case adaptiveLIFO = "adaptive_lifo"
}

/// How much a call matters while there is a queue.
public enum CallPriority: String, PolicyChoice {
  case low
  case normal
  case high

  /// The rank in a bulkhead's queue.
  var rank: BulkheadPriority {
    switch self {
    case .low: .low
    case .normal: .normal
    case .high: .high
    }
  }
}
