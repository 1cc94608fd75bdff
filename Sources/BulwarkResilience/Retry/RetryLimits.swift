/// The times within which an operation and each of its attempts must end, in nanoseconds; `Int64.max` for any time.
@usableFromInline
struct RetryLimits {
  /// The end of an attempt that is cut off when its time is over.
  @usableFromInline
  struct Limit {
    var end: Int64
    var duration: Int64
  }

  /// When everything must have ended.
  @usableFromInline var end: Int64
  /// How long an attempt may take.
  var attempt: Int64
  /// Whether an attempt is cut off at `end`.
  var isTotalLimited: Bool
}
